#include "core/video/sampling_rules.h"

#include <limits>

#include "core/model/architecture/video_frames.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(WholeSeconds, TruncatesTheDurationInHundredths) {
  EXPECT_EQ(WholeSeconds(0), 0);
  EXPECT_EQ(WholeSeconds(990000), 0);
  EXPECT_EQ(WholeSeconds(994999), 0);
  EXPECT_EQ(WholeSeconds(995000), 1);
  EXPECT_EQ(WholeSeconds(1000000), 1);
  EXPECT_EQ(WholeSeconds(7791667), 7);
  EXPECT_EQ(WholeSeconds(29996633), 30);  // 899 frames at 30000/1001 a second
}

TEST(MeasuredFrameRate, IsWholeWhenItNearlyIs) {
  EXPECT_EQ(MeasuredFrameRate(300, 9999000), 30);
  EXPECT_EQ(MeasuredFrameRate(300, 10001000), 30);
  EXPECT_EQ(MeasuredFrameRate(899, 29996633), 30);
  EXPECT_EQ(MeasuredFrameRate(100, 8000000), 12.5);
  EXPECT_EQ(MeasuredFrameRate(1, 4000000), 0.25);
}

TEST(LocalFrameIndices, TakesEveryHalfSecondRoundedUp) {
  EXPECT_THAT(LocalFrameIndices(10, 40, 4), ElementsAre(0, 5, 10, 15, 20, 25, 30, 35));
  EXPECT_THAT(LocalFrameIndices(25, 108, 4), ElementsAre(0, 13, 26, 39, 52, 65, 78, 91));
  EXPECT_THAT(LocalFrameIndices(30000.0 / 1001, 60, 2), ElementsAre(0, 15, 30, 45));
}

TEST(LocalFrameIndices, RepeatsTheLastOneWhenThereAreTooFew) {
  EXPECT_THAT(LocalFrameIndices(25, 30, 2), ElementsAre(0, 13, 26, 26));
  EXPECT_THAT(LocalFrameIndices(25, 27, 2), ElementsAre(0, 13, 26, 26));
  EXPECT_THAT(LocalFrameIndices(25, 26, 2), ElementsAre(0, 13, 13, 13));
  EXPECT_THAT(LocalFrameIndices(10, 1, 1), ElementsAre(0, 0));
}

TEST(LocalFrameIndices, TakesEveryFrameOfASlowVideo) {
  EXPECT_THAT(LocalFrameIndices(2, 6, 3), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(LocalFrameIndices(0.25, 3, 2), ElementsAre(0, 1, 2, 2));
}

TEST(FramesOnScreen, AreTheLatestOnesWhoseTimeHasCome) {
  // 25 frames a second, from 7 s on, in the units of MPEG-TS.
  FrameTimes times = {{}, 1, 90000};
  for (int64_t i = 0; i < 50; ++i) times.at.push_back(7 * 90000 + i * 3600);
  EXPECT_THAT(FramesOnScreen(times, 2), ElementsAre(0, 12, 25, 37));
  // The last one stays.
  EXPECT_THAT(FramesOnScreen(times, 3), ElementsAre(0, 12, 25, 37, 49, 49));
  // Long stills, two frames of the same time, and one that comes one unit too late.
  times = {{-5, 0, 495, 495, 996, 2995}, 1, 1000};
  EXPECT_THAT(FramesOnScreen(times, 4), ElementsAre(0, 3, 3, 4, 4, 4, 5, 5));
  times.at[0] = 0;
  EXPECT_THAT(FramesOnScreen(times, 1), ElementsAre(1, 3));
  EXPECT_THAT(FramesOnScreen({{4}, 1, 1000}, 1), ElementsAre(0, 0));
}

// The frame that is due at 500.5 s isn't a moment late, though its time in seconds is no number of
// a computer's. Nothing overflows either.
TEST(FramesOnScreen, RoundsNothing) {
  FrameTimes times = {{}, 1001, 24000};
  for (int64_t i = 0; i <= 12000; ++i) times.at.push_back(i + 3);
  const auto frames = FramesOnScreen(times, 501);
  EXPECT_EQ(frames[1000], 11988);
  EXPECT_EQ(frames[1001], 12000);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(FramesOnScreen({{-kMax, 0, kMax}, 1 << 30, 1}, 1), ElementsAre(0, 0));
}

TEST(FramesOnScreen, WithoutTimesAllLastEquallyLong) {
  EXPECT_THAT(FramesOnScreen(25.0, 100, 2), ElementsAre(0, 12, 25, 37));
  EXPECT_THAT(FramesOnScreen(24000.0 / 1001, 30, 2), ElementsAre(0, 11, 23, 29));
  EXPECT_THAT(FramesOnScreen(0.5, 3, 3), ElementsAre(0, 0, 0, 0, 1, 1));
}

TEST(GlobalFrameIndices, SpreadsOverTheWholeVideo) {
  const auto indices = GlobalFrameIndices(187);
  ASSERT_EQ(indices.size(), 32u);
  EXPECT_EQ(indices[0], 0);
  EXPECT_EQ(indices[1], 6);
  EXPECT_EQ(indices[20], 120);
  EXPECT_EQ(indices[30], 180);
  EXPECT_EQ(indices[31], 186);
  EXPECT_THAT(GlobalFrameIndices(1), Each(0));
}

TEST(GlobalFrameIndices, RoundingNeverMovesAFrame) {
  for (int64_t frames = 1; frames <= 144000; frames += frames < 5000 ? 1 : 97) {
    const auto indices = GlobalFrameIndices(frames);
    for (int64_t i = 0; i < kGlobalFrames; ++i) {
      ASSERT_EQ(indices[i], i * (frames - 1) / 31) << frames << " frames, position " << i;
    }
  }
}

}  // namespace
}  // namespace vidmuse
