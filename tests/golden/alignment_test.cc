// Songs aligned by time, against songs as published of a lossless video of two frames a second, in
// which both alignments pick every frame.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_song.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

// What is on screen every half second of a file that was made before, of whole `seconds`.
std::string OnScreen(const std::string& name, int seconds) {
  return Ffmpeg(
      absl::StrCat("-i {dir}/", name, " -vf setpts=PTS-STARTPTS,fps=2:round=up -frames:v ",
                   2 * seconds, " -c:v ffv1"),
      absl::StrCat("on_screen_", name, ".mkv"));
}

std::vector<int32_t> FirstFrames(const std::vector<int32_t>& tokens, int64_t frames) {
  return {tokens.begin(), tokens.begin() + 4 * frames};
}

// A smaller tower for pictures, which would take most of the time.
HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.clip_width = 192;
  return sizes;
}

class AlignmentGoldenTest : public testing::Test {
 protected:
  AlignmentGoldenTest() : generator_(/*device_code=*/false, Sizes()) {
    by_time_.sampling.greedy = false;
    by_time_.seed_is_set = true;
    by_time_.sampling.seed = 11;
    reference_ = by_time_;
    by_time_.alignment = Alignment::kTime;
  }

  GoldenGenerator generator_;
  GenerationRequest by_time_ = GoldenGenerator::Greedy();
  GenerationRequest reference_;
};

TEST_F(AlignmentGoldenTest, AScreenRecordingsSongIsThatOfWhatIsOnScreen) {
  // A picture each of the seconds 0, 4 and 9, in few frames.
  const std::string recording = Ffmpeg(
      "-f lavfi -i "
      "\"nullsrc=s=160x90:r=30:d=10,geq=lum='clip(16+20*floor(T),16,235)':cb=128:cr=128,"
      "format=yuv420p\" -vf \"select='lt(t,1)+between(t,4,4.04)+gte(t,9.5)'\" -vsync vfr "
      "-c:v ffv1",
      "screen_recording.mkv");
  const std::vector<int32_t> tokens = generator_.Tokens(by_time_, recording);
  EXPECT_EQ(tokens.size(), 4u * 500);
  EXPECT_EQ(tokens, generator_.Tokens(reference_, OnScreen("screen_recording.mkv", 10)));
  EXPECT_NE(tokens, generator_.Tokens(reference_, recording));
}

TEST_F(AlignmentGoldenTest, EveryWindowSeesItsOwnSeconds) {
  const std::string video = Ffmpeg(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=63 -pix_fmt yuv420p -c:v libx264 "
      "-preset ultrafast -g 50",
      "long.mp4");
  const std::string on_screen = OnScreen("long.mp4", 63);
  const std::vector<int32_t> tokens = generator_.Tokens(by_time_, video);
  ASSERT_EQ(tokens.size(), 4u * 63 * 50);
  EXPECT_EQ(tokens, generator_.Tokens(by_time_, on_screen));
  // The published code's last window, from frame 2950 + 25 on, sees pictures of before.
  const std::vector<int32_t> published = generator_.Tokens(reference_, on_screen);
  EXPECT_EQ(FirstFrames(tokens, 2975), FirstFrames(published, 2975));
  EXPECT_NE(tokens, published);
  // Resumed anywhere, it is the same song.
  for (const int64_t frames : {1500, 2975, 3100}) {
    GenerationRequest resumed = by_time_;
    const std::vector<int32_t> known = FirstFrames(tokens, frames);
    resumed.resume = ResumeAt({known.begin(), known.end()});
    const std::vector<int32_t> rest = generator_.Tokens(resumed, video);
    EXPECT_EQ(rest, std::vector<int32_t>(tokens.begin() + 4 * frames, tokens.end())) << frames;
  }
}

}  // namespace
}  // namespace vidmuse
