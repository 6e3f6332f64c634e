// Videos that are decoded while they are uploaded, against the same videos that came at once.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/video/early_frames.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_sampler.h"
#include "core/video/growing_file.h"
#include "core/video/sandbox.h"
#include "core/video/video_sampling.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/wait_until.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

constexpr char kDecoder[] = VIDMUSE_BIN_DIR "/vidmuse_video_decoder";
constexpr FramePart kFirstPart = {0, 60};
const Limits kLimits;

// 8 s, of which each second is a group of its own, with sound.
constexpr char kSource[] =
    "-f lavfi -i testsrc2=size=160x128:rate=25:duration=8,noise=alls=8:allf=t "
    "-f lavfi -i sine=duration=8 -pix_fmt yuv420p ";
constexpr char kH264[] = "-c:v libx264 -preset veryfast -g 25 -bf 3 -sc_threshold 0 ";
constexpr char kHevc[] = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25";

struct Kind {
  const char* name;
  std::string options;
  bool early;  // decoded before the last byte is there
};

const std::vector<Kind>& Kinds() {
  static const auto& kinds = *new std::vector<Kind>{
      {"index_in_front.mp4", absl::StrCat(kH264, "-movflags faststart"), true},
      {"index_in_front.mov", absl::StrCat(kHevc, " -tag:v hvc1 -movflags faststart"), true},
      {"index_behind.mp4", kH264, false},
      {"fragmented.mp4", absl::StrCat(kH264, "-movflags frag_keyframe+empty_moov"), true},
      {"cmaf.mp4", absl::StrCat(kH264, "-movflags cmaf+global_sidx -frag_duration 1000000"), true},
      {"h264.mkv", kH264, true},
      {"hevc_open.mkv", absl::StrCat(kHevc, ":open-gop=1:bframes=3"), true},
      {"vp9.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -g 25 -c:a libopus", true},
      {"live.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -g 25 -c:a libopus -live 1",
       true},
      {"h264.ts", kH264, true},
      {"hevc.ts", kHevc, true},
      {"layers.mkv",
       "-c:v libx265 -x265-params "
       "log-level=none:keyint=25:temporal-layers=1:bframes=7:b-adapt=0",
       true},
      {"in_order.avi", "-c:v mpeg4", false},
      {"vp8.webm", "-c:v libvpx -c:a libopus", false},
      {"fields.ts", absl::StrCat(kH264, "-vf tinterlace=interleave_top -flags +ilme+ildct"), false},
  };
  return kinds;
}

const std::string& FileOf(const Kind& kind) {
  static auto& files = *new std::map<std::string, std::string>;
  std::string& file = files[kind.name];
  if (file.empty()) file = Ffmpeg(kSource + kind.options, kind.name);
  return file;
}

std::unique_ptr<VideoSandbox> Sandbox(const VideoSandbox::Budget& budget = {}) {
  auto sandbox = VideoSandbox::Create(kDecoder, VideoSandbox::Filter::kRequired, budget);
  EXPECT_TRUE(sandbox.ok()) << sandbox.status();
  return *std::move(sandbox);
}

std::unique_ptr<VideoUpload> Begin(const VideoSandbox& sandbox, FramePart part = kFirstPart) {
  VideoUploadOptions options;
  options.first_part = part;
  auto upload = sandbox.Receive(options);
  EXPECT_TRUE(upload.ok()) << upload.status();
  return *std::move(upload);
}

size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

bool HasChildren() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

void ExpectSame(const absl::StatusOr<VideoFrames>& got, const absl::StatusOr<VideoFrames>& want) {
  ASSERT_EQ(got.status(), want.status());
  if (!want.ok()) return;
  EXPECT_EQ(got->seconds, want->seconds);
  EXPECT_EQ(got->local, want->local);
  EXPECT_EQ(got->global, want->global);
  EXPECT_TRUE(got->frames == want->frames);
}

absl::StatusOr<VideoFrames> AtOnce(const VideoSandbox& sandbox, const std::string& file,
                                   FramePart part = kFirstPart) {
  const CancelFlag never;
  return sandbox.Open(file, Limits(), 0)->Read(part, never);
}

absl::StatusOr<VideoFrames> Finish(VideoUpload& upload, FramePart part = kFirstPart) {
  const CancelFlag never;
  auto reader = upload.Finish();
  if (!reader.ok()) return reader.status();
  return (*reader)->Read(part, never);
}

// Sends `file` in pieces of random sizes.
void Send(VideoUpload& upload, absl::string_view file, std::mt19937& random) {
  while (!file.empty()) {
    const size_t size = std::min<size_t>(file.size(), 1 + random() % (1 << (random() % 18)));
    ASSERT_EQ(upload.Append(file.substr(0, size)), absl::OkStatus());
    file.remove_prefix(size);
  }
}

TEST(VideoUpload, OfEachKindIsDecodedEarlyAndGivesTheSameFrames) {
  const auto sandbox = Sandbox();
  const size_t files = OpenFiles();
  std::mt19937 random(3);
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    const absl::string_view file = FileOf(kind);
    const auto upload = Begin(*sandbox);
    Send(*upload, file.substr(0, file.size() - 1), random);
    if (kind.early) {
      EXPECT_TRUE(WaitUntil([&] { return upload->HasFrames(); }));
    }
    Send(*upload, file.substr(file.size() - 1), random);
    ExpectSame(Finish(*upload), AtOnce(*sandbox, FileOf(kind)));
  }
  EXPECT_EQ(OpenFiles(), files);
  EXPECT_FALSE(HasChildren());
}

TEST(VideoUpload, LaterPartsFollow) {
  const auto sandbox = Sandbox();
  const std::string& file = FileOf(Kinds()[0]);
  const CancelFlag never;
  std::mt19937 random(5);
  const auto upload = Begin(*sandbox, {0, 4});
  Send(*upload, file, random);
  auto reader = upload->Finish();
  ASSERT_TRUE(reader.ok());
  const auto at_once = sandbox->Open(file, Limits(), 0);
  for (const FramePart part : {FramePart{0, 4}, FramePart{4, 5}, FramePart{10, 6}}) {
    ExpectSame((*reader)->Read(part, never), at_once->Read(part, never));
  }
}

// The sandbox splits every video, so that others decode what was not decoded early.
TEST(VideoUpload, IsSplitAsAtOnce) {
  const auto sandbox = Sandbox({.cores = 2, .least_pixels_to_split = 1});
  std::mt19937 random(7);
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    const absl::string_view file = FileOf(kind);
    const size_t most = file.size() / 4 * 3;
    const auto upload = Begin(*sandbox);
    Send(*upload, file.substr(0, most), random);
    // FFmpeg looks at 7 s of an MPEG-TS before it is sure of its streams.
    if (kind.early && !absl::EndsWith(kind.name, ".ts")) {
      EXPECT_TRUE(WaitUntil([&] { return upload->HasFrames(); }));
    }
    // The rest is too much to go on as before.
    EXPECT_TRUE(upload->Append(file.substr(most)).ok());
    ExpectSame(Finish(*upload), AtOnce(*sandbox, FileOf(kind)));
  }
}

TEST(VideoUpload, DamagedAndCutFilesGiveTheSameFramesAndErrors) {
  const auto sandbox = Sandbox();
  std::mt19937 random(11);
  int refused = 0;
  for (const Kind& kind : Kinds()) {
    if (!kind.early) continue;
    for (int round = 0; round < 3; ++round) {
      SCOPED_TRACE(absl::StrCat(kind.name, ", round ", round));
      std::string file = FileOf(kind);
      const size_t at = file.size() / 20 + random() % (file.size() * 9 / 10);
      if (round % 3 == 0) file[at] ^= static_cast<char>(1 << (random() % 8));
      if (round % 3 == 1) file.erase(at, 1 << (random() % 12));
      if (round % 3 == 2) file.resize(at);
      const auto upload = Begin(*sandbox);
      Send(*upload, file, random);
      const auto want = AtOnce(*sandbox, file);
      refused += !want.ok();
      ExpectSame(Finish(*upload), want);
    }
  }
  for (const std::string& file : {std::string(), std::string("not a video"),
                                  std::string(100'000, '\0'), FileOf(Kinds()[2]).substr(0, 5000)}) {
    const auto upload = Begin(*sandbox);
    Send(*upload, file, random);
    ExpectSame(Finish(*upload), AtOnce(*sandbox, file));
  }
  std::printf("%d damaged files were refused\n", refused);
}

TEST(VideoUpload, ThatIsDroppedFreesAllAtOnce) {
  const auto sandbox = Sandbox();
  const size_t files = OpenFiles();
  const absl::string_view file = FileOf(Kinds()[0]);
  std::mt19937 random(13);
  auto upload = Begin(*sandbox);
  Send(*upload, file.substr(0, file.size() / 8 * 7), random);
  ASSERT_TRUE(WaitUntil([&] { return upload->HasFrames(); }));
  EXPECT_TRUE(HasChildren());
  upload = nullptr;
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(OpenFiles(), files);
}

// There is memory for one decoder only.
TEST(VideoUpload, GivesItsDecoderToACompleteVideo) {
  const auto sandbox = Sandbox({.bytes = 300 << 20});
  const std::string& file = FileOf(Kinds()[0]);
  std::mt19937 random(17);
  const auto slow = Begin(*sandbox);
  Send(*slow, absl::string_view(file).substr(0, file.size() / 8 * 7), random);
  ASSERT_TRUE(WaitUntil([&] { return slow->HasFrames(); }));
  const auto want = AtOnce(*sandbox, file);
  ASSERT_TRUE(want.ok()) << want.status();
  EXPECT_FALSE(slow->HasFrames());
  EXPECT_FALSE(HasChildren());
  Send(*slow, absl::string_view(file).substr(file.size() / 8 * 7), random);
  ExpectSame(Finish(*slow), want);
}

// True if a thread of this process waits.
bool Waits(pid_t thread) {
  std::ifstream file(absl::StrCat("/proc/self/task/", thread, "/stat"));
  const std::string stat(std::istreambuf_iterator<char>(file), {});
  return stat.size() > stat.rfind(')') + 2 && stat[stat.rfind(')') + 2] == 'S';
}

// What is decoded of a file before it is known that its last byte was the last.
EarlyFrames DecodeEarly(const std::string& file) {
  UploadProgress progress;
  GrowingFile growing(file.data(), progress);
  EarlyFrames early;
  std::atomic<pid_t> thread = 0;
  std::atomic<bool> done = false;
  std::thread decoding([&] {
    thread = gettid();
    early = DecodeWhileItGrows(growing, kLimits, 0, kFirstPart.count, [] {});
    done = true;
  });
  // Byte by byte at first, so that headers are met in pieces.
  for (size_t bytes = 1; bytes < file.size(); bytes += bytes < 3000 ? 1 : 1000) {
    Publish(progress, bytes, false);
  }
  Publish(progress, file.size(), false);
  EXPECT_TRUE(WaitUntil([&] { return done || (thread != 0 && Waits(thread)); }));
  Publish(progress, file.size(), true);
  decoding.join();
  return early;
}

TEST(EarlyFrames, LeaveNothingToDecode) {
  InitFfmpeg();
  const CancelFlag never;
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    const std::string& file = FileOf(kind);
    EarlyFrames early = DecodeEarly(file);
    EXPECT_EQ(early.digest.has_value(), kind.early);
    EXPECT_EQ(early.pixels.size() > 32, kind.early);
    const auto plain = VideoSampling::Read(file, kLimits, 0, kFirstPart, never);
    const auto sampling =
        VideoSampling::Read(file, kLimits, 0, kFirstPart, never, std::move(early));
    ASSERT_TRUE(sampling.ok() && plain.ok());
    if (kind.early) {
      EXPECT_EQ((*sampling)->pixels_in_groups(), 0);
    }
    ExpectSame((*sampling)->Decode(), (*plain)->Decode());
  }
}

// Frames of other packets are not used, however alike the files are.
TEST(EarlyFrames, OfAnotherFileAreDropped) {
  InitFfmpeg();
  const CancelFlag never;
  const std::string& file = FileOf(Kinds()[0]);
  std::string other = file;
  other[other.size() / 2] ^= 1;
  const auto plain = VideoSampling::Read(other, kLimits, 0, kFirstPart, never);
  const auto sampling =
      VideoSampling::Read(other, kLimits, 0, kFirstPart, never, DecodeEarly(file));
  ASSERT_TRUE(sampling.ok() && plain.ok());
  EXPECT_EQ((*sampling)->pixels_in_groups(), (*plain)->pixels_in_groups());
  EXPECT_GT((*sampling)->pixels_in_groups(), 0);
}

}  // namespace
}  // namespace vidmuse
