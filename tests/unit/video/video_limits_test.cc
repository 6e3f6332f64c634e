#include <atomic>
#include <thread>

#include "core/video/frame_sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<VideoFrames> Sample(const std::string& file, const Limits& limits) {
  const CancelFlag cancel;
  return SampleVideo(file, limits, 0, cancel);
}

// Checks that `file` is refused with a message that has both texts.
void ExpectRefused(const std::string& file, const Limits& limits, const std::string& what,
                   const std::string& value) {
  const auto video = Sample(file, limits);
  EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(video.status().message()), AllOf(HasSubstr(what), HasSubstr(value)));
}

class VideoLimits : public ::testing::Test {
 protected:
  // 64x48 pixels, 10 frames a second, 4 s.
  const std::string file_ = Ffmpeg(NumberedInput() + " -c:v libx264", "video.mp4");
  Limits limits_;
};

TEST_F(VideoLimits, Bytes) {
  limits_.max_video_bytes = file_.size();
  EXPECT_TRUE(Sample(file_, limits_).ok());
  limits_.max_video_bytes = file_.size() - 1;
  ExpectRefused(file_, limits_, std::to_string(file_.size()) + " bytes",
                "limit is " + std::to_string(file_.size() - 1));
  ExpectRefused("", limits_, "empty", "0 bytes");
}

TEST_F(VideoLimits, Seconds) {
  limits_.max_video_seconds = 4;
  EXPECT_TRUE(Sample(file_, limits_).ok());
  limits_.max_video_seconds = 3.5;
  ExpectRefused(file_, limits_, "4 s long", "limit is 3.5 s");
  // The same for a length that only the packets tell.
  ExpectRefused(Ffmpeg(NumberedInput() + " -c:v libvpx -f webm - >", "live.webm"), limits_,
                "4 s long", "limit is 3.5 s");
}

TEST_F(VideoLimits, FrameSize) {
  limits_.max_frame_width = 64;
  limits_.max_frame_height = 48;
  limits_.max_frame_pixels = 64 * 48;
  EXPECT_TRUE(Sample(file_, limits_).ok());
  limits_.max_frame_width = 63;
  ExpectRefused(file_, limits_, "64x48", "limit is 63 (max_frame_width)");
  limits_.max_frame_width = 64;
  limits_.max_frame_height = 47;
  ExpectRefused(file_, limits_, "64x48", "limit is 47 (max_frame_height)");
  limits_.max_frame_height = 48;
  limits_.max_frame_pixels = 3071;
  ExpectRefused(file_, limits_, "64x48", "limit is 3071 (max_frame_pixels)");
}

TEST_F(VideoLimits, SizeOfEveryFrame) {
  const std::string large = NumberedInput(40, 10, "640x480");
  limits_.max_frame_width = 320;
  for (const std::string codec : {"mpeg2video -r 25", "libx264"}) {
    const std::string growing = Ffmpeg(NumberedInput() + " -c:v " + codec, "small.ts") +
                                Ffmpeg(large + " -c:v " + codec, "large.ts");
    EXPECT_TRUE(Sample(growing, Limits()).ok());
    ExpectRefused(growing, limits_, "640x480", "limit is 320 (max_frame_width)");
  }
}

TEST_F(VideoLimits, WideFrames) {
  const std::string wide =
      Ffmpeg("-f lavfi -i color=white:size=16384x16:rate=2:duration=2 -c:v libx264", "wide.mp4");
  ExpectRefused(wide, limits_, "16384x16", "limit is 8192 (max_frame_width)");
  limits_.max_frame_width = 16384;
  const auto video = Sample(wide, limits_);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_THAT(video->frames, SizeIs(1));
  EXPECT_GE(Pixel(video->frames[0], 0, 223, 223), 250);
}

TEST_F(VideoLimits, FramesPerSecond) {
  limits_.max_frames_per_second = 10;
  EXPECT_TRUE(Sample(file_, limits_).ok());
  limits_.max_frames_per_second = 9.5;
  ExpectRefused(file_, limits_, "10 frames a second", "limit is 9.5");
}

TEST_F(VideoLimits, FramesInAll) {
  limits_.max_video_seconds = 4;
  limits_.max_frames_per_second = 4;
  ExpectRefused(file_, limits_, "more than 20 frames", "4 s and 4 frames a second");
}

TEST_F(VideoLimits, TooShort) {
  ExpectRefused(Ffmpeg(NumberedInput(7) + " -c:v libx264", "short.mp4"), limits_, "0.7 s long",
                "at least 1 s");
  ExpectRefused(Ffmpeg(NumberedInput(7) + " -c:v libvpx -f webm - >", "short.webm"), limits_,
                "0.7 s long", "at least 1 s");
}

TEST_F(VideoLimits, CancelledBefore) {
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_EQ(SampleVideo(file_, limits_, 0, cancel).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(VideoLimits, CancelledInTheMiddle) {
  // Takes seconds to decode.
  const std::string file = Ffmpeg(
      "-f lavfi -i testsrc=size=1280x720:rate=60:duration=10 -c:v libx264 -preset ultrafast"
      " -bf 0 -g 600",
      "long.mp4");
  CancelFlag cancel;
  std::atomic<bool> started = false;
  absl::Status status;
  std::thread thread([&] {
    started = true;
    started.notify_one();
    status = SampleVideo(file, limits_, 0, cancel).status();
  });
  started.wait(false);
  cancel.Cancel();
  thread.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
}

}  // namespace
}  // namespace vidmuse
