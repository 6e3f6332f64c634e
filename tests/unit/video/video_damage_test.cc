#include <sys/resource.h>

#include <random>

#include "core/video/frame_sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<VideoFrames> Sample(const std::string& file) {
  const CancelFlag cancel;
  return SampleVideo(file, Limits(), 0, cancel);
}

// Damaged files may be refused or read; they only have to end well.
void ExpectSane(const absl::StatusOr<VideoFrames>& video, const std::string& what) {
  if (!video.ok()) {
    EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument)
        << what << ": " << video.status();
    EXPECT_NE(video.status().message(), "") << what;
    return;
  }
  EXPECT_EQ(video->local.size(), 2u * video->seconds) << what;
  EXPECT_EQ(video->global.size(), 32u) << what;
  for (const auto* indices : {&video->local, &video->global}) {
    for (const int i : *indices) ASSERT_LT(static_cast<size_t>(i), video->frames.size()) << what;
  }
}

std::string BigEndian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

class EveryDamage : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Make(int frames, const std::string& size) {
    const std::string name = GetParam();
    const bool webm = name.ends_with(".webm");
    return Ffmpeg(NumberedInput(frames, 10, size) +
                      (webm ? " -c:v libvpx" : " -c:v libx264 -x264-params no-info=1 -g 8"),
                  name);
  }
};

TEST_P(EveryDamage, CutAtEveryByte) {
  const std::string file = Make(12, "16x16");
  ASSERT_LT(file.size(), 20000u);
  // The others have no more kinds of places than every few bytes show.
  const size_t step = std::string(GetParam()) == "small.mp4" ? 1 : 1 + file.size() / 700;
  for (size_t size = 0; size < file.size(); size += step) {
    ExpectSane(Sample(file.substr(0, size)), std::to_string(size) + " bytes");
  }
}

TEST_P(EveryDamage, FlippedBits) {
  const std::string file = Make(12, "32x32");
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    std::string damaged = file;
    const int flips = 1 + static_cast<int>(random() % 8);
    for (int i = 0; i < flips; ++i) {
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << (random() % 8));
    }
    ExpectSane(Sample(damaged), "round " + std::to_string(round));
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, EveryDamage,
                         ::testing::Values("small.mp4", "small.mkv", "small.webm", "small.avi",
                                           "small.ts"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.substr(name.find('.') + 1);
                         });

TEST(DamagedVideo, ABadFrameIsReplacedByTheOneBefore) {
  std::string file = Ffmpeg(NumberedInput() + " -c:v mjpeg -q:v 2 -pix_fmt yuvj420p", "good.mov");
  // Frames start with FF D8; the 13th and 14th lose their data.
  size_t start = 0;
  for (int frame = 0; frame < 14; ++frame) {
    start = file.find("\xff\xd8\xff", start + 1);
    ASSERT_NE(start, std::string::npos);
    if (frame >= 12) std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(start), 200, '\0');
  }
  const auto video = Sample(file);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, 4);
  auto expected = SpreadNumbers(40);
  for (int& number : expected) number = number == 12 || number == 13 ? 11 : number;
  EXPECT_EQ(FrameNumbers(*video, video->global), expected);
}

TEST(DamagedVideo, DecodesTheSameEachTime) {
  std::string file = Ffmpeg(
      "-f lavfi -i testsrc2=size=160x120:rate=25:duration=2 -c:v libx264 -g 50", "noisy.mp4");
  for (size_t i = file.size() / 4; i < file.size() / 2; i += 97) file[i] ^= 0x10;
  const auto first = Sample(file);
  ASSERT_TRUE(first.ok()) << first.status();
  for (int i = 0; i < 5; ++i) {
    const auto again = Sample(file);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->frames, first->frames);
  }
}

TEST(DamagedVideo, ACutFileIsReadIfMostOfItIsThere) {
  const std::string file = Ffmpeg(
      "-f lavfi -i testsrc2=size=160x120:rate=10:duration=4 -c:v mjpeg"
      " -movflags faststart",
      "whole.mov");
  const auto whole = Sample(file);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto most = Sample(file.substr(0, file.size() * 8 / 10));
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_EQ(most->seconds, 4);
  EXPECT_EQ(most->frames[most->local[3]], whole->frames[whole->local[3]]);
  EXPECT_EQ(most->local[7], most->local[6]);

  const auto little = Sample(file.substr(0, file.size() * 3 / 10));
  EXPECT_EQ(little.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(little.status().message()), HasSubstr("damaged beyond use"));
}

TEST(DamagedVideo, AStreamThatStartsBetweenKeyFramesIsCounted) {
  const std::string file = Ffmpeg(
      NumberedInput(40, 25) + " -c:v mpeg2video -q:v 2 -g 15 -bf 2 -pat_period 0.02", "capture.ts");
  const auto video = Sample(file.substr(file.size() / 188 / 6 * 188));
  ASSERT_TRUE(video.ok()) << video.status();
  const auto numbers = FrameNumbers(*video, video->global);
  EXPECT_GE(numbers.front(), 5);
  EXPECT_EQ(numbers.back(), 39);
  EXPECT_GT(numbers[3], numbers[0]) << "frames before the first key frame count";
}

TEST(DamagedVideo, NothingDecodes) {
  std::string file = Ffmpeg(NumberedInput() + " -c:v mpeg4 -movflags faststart", "blank.mp4");
  const size_t data = file.find("mdat");
  ASSERT_NE(data, std::string::npos);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(data) + 4, file.end(), '\0');
  const auto video = Sample(file);
  EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
}

// A header of a few bytes that asks for billions of samples.
TEST(DamagedVideo, HugeSampleTableIsRefused) {
  std::string file = Ffmpeg(NumberedInput() + " -c:v mpeg4 -movflags faststart", "table.mp4");
  const size_t sizes = file.find("stsz");
  const size_t chunks = file.find("stsc");
  ASSERT_NE(sizes, std::string::npos);
  ASSERT_NE(chunks, std::string::npos);
  for (const uint32_t count : {0x7fffffffu, 0xffffffffu, 60000000u, 6000000u}) {
    file.replace(sizes + 8, 8, BigEndian(1) + BigEndian(count));
    file.replace(chunks + 16, 4, BigEndian(count));
    ExpectSane(Sample(file), std::to_string(count) + " samples");
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, 1 << 20) << "KiB";
}

}  // namespace
}  // namespace vidmuse
