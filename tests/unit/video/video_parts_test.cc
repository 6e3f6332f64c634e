// Videos that are decoded part by part, against the same videos decoded at once.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/video/frame_sampler.h"
#include "core/video/sandbox.h"
#include "core/video/video_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

constexpr char kDecoder[] = VIDMUSE_BIN_DIR "/vidmuse_video_decoder";
// 8 s, of which each second is a group of its own.
constexpr char kSource[] =
    "-f lavfi -i testsrc2=size=160x128:rate=25:duration=8,noise=alls=8:allf=t -pix_fmt yuv420p ";
constexpr char kH264[] = "-c:v libx264 -preset veryfast -g 25 -bf 3 -sc_threshold 0 ";

// A sandbox that splits every video among two processes.
std::unique_ptr<VideoSandbox> Splitting() {
  auto sandbox = VideoSandbox::Create(kDecoder, VideoSandbox::Filter::kRequired,
                                      {.cores = 2, .least_pixels_to_split = 1});
  EXPECT_TRUE(sandbox.ok()) << sandbox.status();
  return *std::move(sandbox);
}

size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

// Checks what `reader` gives against the whole video's frames.
void ExpectParts(VideoReader& reader, const VideoFrames& whole) {
  const CancelFlag never;
  const auto all = static_cast<int>(whole.local.size());
  // Frame 9 is passed over.
  for (const FramePart part : {FramePart{0, 4}, FramePart{4, 5}, FramePart{10, 3}, FramePart{13}}) {
    SCOPED_TRACE(part.first);
    const auto got = reader.Read(part, never);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->seconds, whole.seconds);
    ASSERT_EQ(static_cast<int>(got->local.size()), std::min(part.count, all - part.first));
    for (size_t i = 0; i < got->local.size(); ++i) {
      EXPECT_TRUE(got->frames[got->local[i]] == whole.frames[whole.local[part.first + i]]) << i;
    }
    ASSERT_EQ(got->global.size(), part.first == 0 ? 32u : 0u);
    for (size_t i = 0; i < got->global.size(); ++i) {
      EXPECT_TRUE(got->frames[got->global[i]] == whole.frames[whole.global[i]]) << i;
    }
    std::vector<bool> used(got->frames.size());
    for (const int i : got->local) used[i] = true;
    for (const int i : got->global) used[i] = true;
    EXPECT_EQ(std::count(used.begin(), used.end(), false), 0) << "nothing else comes";
  }
}

void ExpectPartsOf(const std::string& file, bool sandboxed = true) {
  const CancelFlag never;
  const auto whole = SampleVideo(file, Limits(), 0, never);
  ASSERT_TRUE(whole.ok()) << whole.status();
  ExpectParts(*OpenVideo(file, Limits(), 0), *whole);
  if (!sandboxed) return;
  const auto sandbox = Splitting();
  const size_t files = OpenFiles();
  ExpectParts(*sandbox->Open(file, Limits(), 0), *whole);
  EXPECT_EQ(OpenFiles(), files);
}

TEST(VideoParts, AreTheWholesFrames) {
  for (const auto& [options, name] : std::initializer_list<std::pair<std::string, const char*>>{
           {kH264, "h264.mp4"},
           {"-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:open-gop=1",
            "hevc.mkv"},
           {"-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -g 25", "vp9.webm"},
           {"-c:v libx264 -preset veryfast -g 250", "one_group.mp4"},
           {"-c:v mpeg4", "in_order.avi"},
           {absl::StrCat(kH264, "-vf tinterlace=interleave_top -flags +ilme+ildct"),
            "fields.mp4"}}) {
    SCOPED_TRACE(name);
    ExpectPartsOf(Ffmpeg(kSource + options, name));
  }
}

// Most groups have no global frame, so their damage is met when the first part was used already.
TEST(VideoParts, DamageIsReplacedAsInTheWhole) {
  const std::string file = Ffmpeg(
      "-f lavfi -i testsrc2=size=160x128:rate=10:duration=24,noise=alls=8:allf=t -pix_fmt yuv420p "
      "-c:v libx264 -preset veryfast -g 3 -bf 0 -sc_threshold 0",
      "short_groups.mp4");
  std::mt19937 random(3);
  for (int round = 0; round < 24; ++round) {
    SCOPED_TRACE(round);
    std::string damaged = file;
    // Among the packets, which lie before the index.
    const size_t begin = file.size() / 20 + random() % (file.size() / 10 * 8);
    for (size_t i = 0; i < 300; ++i) damaged[begin + i] = static_cast<char>(random());
    ExpectPartsOf(damaged, /*sandboxed=*/round % 8 == 0);
  }
}

TEST(VideoParts, AFileIsHeldUntilTheLastPart) {
  const std::string file = Ffmpeg(std::string(kSource) + kH264, "a.mp4");
  const auto sandbox = Splitting();
  const CancelFlag never;
  const auto reader = sandbox->Open(file, Limits(), 0);
  ASSERT_TRUE(reader->Read({0, 4}, never).ok());
  EXPECT_EQ(reader->bytes(), file.size());
  // Frames that came too early are held instead, until they are taken.
  const auto in_order =
      sandbox->Open(Ffmpeg(std::string(kSource) + "-c:v mpeg4", "a.avi"), Limits(), 0);
  constexpr uint64_t kFrame = 3 * 224 * 224;
  ASSERT_TRUE(in_order->Read({0, 4}, never).ok());
  EXPECT_EQ(in_order->bytes(), 12 * kFrame);
  ASSERT_TRUE(in_order->Read({4, 5}, never).ok());
  EXPECT_EQ(in_order->bytes(), 7 * kFrame);
}

// Each of its parts would have to be decoded from its beginning.
TEST(VideoParts, AVideoOfOneLongGroupIsDecodedAtOnce) {
  const std::string file = Ffmpeg(
      "-f lavfi -i testsrc2=size=160x128:rate=4:duration=40 -pix_fmt yuv420p -c:v libx264 -g 999 "
      "-sc_threshold 0",
      "long_group.mp4");
  const auto sandbox = Splitting();
  const CancelFlag never;
  const auto whole = SampleVideo(file, Limits(), 0, never);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto reader = sandbox->Open(file, Limits(), 0);
  ASSERT_TRUE(reader->Read({0, 60}, never).ok());
  EXPECT_EQ(reader->bytes(), 20 * 3 * 224 * 224);
  const auto rest = reader->Read({60}, never);
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->local.size(), 20u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(rest->frames[rest->local[i]] == whole->frames[whole->local[60 + i]]);
  }
}

TEST(VideoParts, LaterPartsAreCancelledToo) {
  const auto sandbox = Splitting();
  const auto reader = sandbox->Open(Ffmpeg(std::string(kSource) + kH264, "a.mp4"), Limits(), 0);
  CancelFlag cancel;
  ASSERT_TRUE(reader->Read({0, 4}, cancel).ok());
  cancel.Cancel();
  EXPECT_TRUE(absl::IsCancelled(reader->Read({4, 4}, cancel).status()));
}

}  // namespace
}  // namespace vidmuse
