// What MusicModel promises of conditions that are made stretch by stretch.
#ifndef VIDMUSE_TESTS_SUPPORT_STRETCHES_H_
#define VIDMUSE_TESTS_SUPPORT_STRETCHES_H_

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/model/conditioner/host_condition.h"
#include "core/model/music_model.h"
#include "tests/support/grey_video.h"

namespace vidmuse {

// Every stretch of a video's condition must have the bits that the whole has there.
inline void ExpectStretchesAreTheWhole(MusicModel& model) {
  VideoFrames video = GreyVideo(4, 250);
  video.local = {0, 1, 2, 2, 2, 5, 5, 7};  // some stand still, and go on where a stretch ends
  const auto stretch = [&](int begin, int end) {
    VideoFrames part = video;
    part.local.assign(video.local.begin() + begin, video.local.begin() + end);
    if (begin > 0) part.global.clear();
    return part;
  };
  using Encoded = absl::StatusOr<std::shared_ptr<const VideoCondition>>;
  const Encoded whole = model.EncodeVideo(video, CancelFlag());
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto expect = [&](const Encoded& condition, int begin, int end) {
    ASSERT_TRUE(condition.ok()) << condition.status();
    ASSERT_EQ((*condition)->local_frames(), end - begin);
    const auto& all = static_cast<const HostCondition&>(**whole);
    const auto& some = static_cast<const HostCondition&>(**condition);
    const size_t floats = all.rows(1) - all.rows(0);
    EXPECT_EQ(std::vector<float>(some.rows(0), some.rows(0) + floats * (end - begin)),
              std::vector<float>(all.rows(begin), all.rows(begin) + floats * (end - begin)));
    EXPECT_GT((*condition)->bytes(), model.ConditionBytes(end - begin));
    EXPECT_LE((*condition)->bytes(), model.ConditionBytes(end - begin) + model.ContinuationBytes());
  };
  EXPECT_EQ((*whole)->bytes(), model.ConditionBytes(8));
  const Encoded first = model.EncodeVideo(stretch(0, 3), CancelFlag());
  expect(first, 0, 3);
  const Encoded second = model.EncodeMore(**first, 2, stretch(3, 6), CancelFlag());
  expect(second, 2, 6);
  const Encoded rest = model.EncodeMore(**second, 1, {}, CancelFlag());
  expect(rest, 3, 6);
  expect(model.EncodeMore(**rest, 3, stretch(6, 8), CancelFlag()), 6, 8);
  expect(model.EncodeMore(**first, 3, stretch(7, 8), CancelFlag()), 7, 8);

  EXPECT_TRUE(absl::IsFailedPrecondition(
      model.EncodeMore(**whole, 0, stretch(3, 6), CancelFlag()).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(model.EncodeMore(**first, 4, stretch(3, 6), CancelFlag()).status()));
  CancelFlag cancelled;
  cancelled.Cancel();
  EXPECT_TRUE(absl::IsCancelled(model.EncodeMore(**first, 0, stretch(5, 6), cancelled).status()));
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_STRETCHES_H_
