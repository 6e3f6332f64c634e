// What a listener hears, and how far a song is ahead of it.
#include "core/engine/playback.h"

#include <gtest/gtest.h>

namespace vidmuse {
namespace {

constexpr absl::Duration kSecond = absl::Seconds(1);

TEST(PlaybackTest, BeginsWithTheFirstAudio) {
  Playback playback;
  EXPECT_FALSE(playback.Lead(100 * kSecond, 5 * kSecond).has_value());
  EXPECT_FALSE(playback.Deliver(100 * kSecond, 2 * kSecond, 2 * kSecond).has_value());
  // Five seconds are made, and nothing is heard yet.
  EXPECT_EQ(playback.Lead(100 * kSecond, 5 * kSecond), 5 * kSecond);
  EXPECT_EQ(playback.Lead(101 * kSecond, 5 * kSecond), 4 * kSecond);
  EXPECT_EQ(playback.Deliver(101 * kSecond, 3 * kSecond, 5 * kSecond), kSecond);
  EXPECT_EQ(playback.Lead(104 * kSecond, 9 * kSecond), 5 * kSecond);
}

// A reader that takes nothing hears nothing, whatever is made meanwhile.
TEST(PlaybackTest, WhatWasNotDeliveredIsNotHeard) {
  Playback playback;
  playback.Deliver(100 * kSecond, kSecond, kSecond);
  EXPECT_EQ(playback.Lead(101 * kSecond, 20 * kSecond), 19 * kSecond);
  EXPECT_EQ(playback.Lead(200 * kSecond, 20 * kSecond), 19 * kSecond);
}

TEST(PlaybackTest, APlayerThatRanDryStartsAgainWithTheNextAudio) {
  Playback playback;
  playback.Deliver(100 * kSecond, kSecond, kSecond);
  EXPECT_EQ(playback.Lead(103 * kSecond, kSecond), absl::ZeroDuration());
  EXPECT_EQ(playback.Deliver(104 * kSecond, 2 * kSecond, 3 * kSecond), -3 * kSecond);
  EXPECT_EQ(playback.Lead(104 * kSecond, 3 * kSecond), 2 * kSecond);
}

TEST(PlaybackTest, AResumedSongIsHeardFromWhereItGoesOn) {
  Playback playback;
  playback.Deliver(100 * kSecond, kSecond, 41 * kSecond);
  EXPECT_EQ(playback.Lead(100 * kSecond, 45 * kSecond), 5 * kSecond);
}

}  // namespace
}  // namespace vidmuse
