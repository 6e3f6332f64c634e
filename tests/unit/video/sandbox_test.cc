#include "core/video/sandbox.h"

#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/video/frame_sampler.h"
#include "core/video/sandbox_protocol.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/sanitized.h"
#include "tests/unit/video/test_videos.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kDecoder[] = VIDMUSE_BIN_DIR "/vidmuse_video_decoder";
constexpr char kMisbehaving[] = VIDMUSE_BIN_DIR "/tests/misbehaving_decoder";

std::unique_ptr<VideoSandbox> Sandbox(const std::string& program) {
  auto sandbox = VideoSandbox::Create(program, VideoSandbox::Filter::kRequired, {});
  if (!sandbox.ok()) ADD_FAILURE() << sandbox.status();
  return sandbox.ok() ? *std::move(sandbox) : nullptr;
}

size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

bool HasChildren() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

std::string Golden(const std::string& name) {
  std::ifstream file(absl::StrCat(VIDMUSE_TEST_DATA, "/golden/videos/", name), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Checks that the sandbox gives what SampleVideo gives.
void ExpectSame(const VideoSandbox& sandbox, const std::string& file, int max_seconds = 0) {
  const CancelFlag never;
  const auto expected = SampleVideo(file, Limits(), max_seconds, never);
  const auto got = sandbox.Sample(file, Limits(), max_seconds, never);
  ASSERT_EQ(got.status(), expected.status());
  if (!expected.ok()) return;
  EXPECT_EQ(got->seconds, expected->seconds);
  EXPECT_EQ(got->local, expected->local);
  EXPECT_EQ(got->global, expected->global);
  EXPECT_TRUE(got->frames == expected->frames);
}

TEST(VideoSandbox, GoldenVideosAsInProcess) {
  const auto sandbox = Sandbox(kDecoder);
  EXPECT_EQ(sandbox->unfiltered(), "");
  for (const char* name : {"pattern_4s.mp4", "life_7s.mp4", "zoom_63s.mp4"}) {
    SCOPED_TRACE(name);
    ExpectSame(*sandbox, Golden(name));
  }
  ExpectSame(*sandbox, Golden("life_7s.mp4"), 3);
}

// No decoder needs a system call that the filter refuses.
TEST(VideoSandbox, EveryDecoderPassesTheFilter) {
  const auto sandbox = Sandbox(kDecoder);
  const std::string source =
      "-f lavfi -i testsrc=size=320x240:rate=10:duration=2 -pix_fmt yuv420p ";
  const std::pair<const char*, const char*> encoders[] = {
      {"-c:v libx264", "a.mp4"},
      {"-c:v libx264 -metadata creation_time=2020-02-02T02:02:02", "dated.mov"},
      {"-c:v libx265 -x265-params log-level=none", "a.mkv"},
      {"-c:v libvpx", "vp8.webm"},
      {"-c:v libvpx-vp9", "vp9.webm"},
      {"-c:v libaom-av1 -cpu-used 8", "av1.mp4"},
      {"-c:v mpeg1video -r 25", "a.mpg"},
      {"-c:v mpeg2video -r 25", "a.ts"},
      {"-c:v mpeg4", "a.avi"},
      {"-c:v msmpeg4v2", "v2.avi"},
      {"-c:v msmpeg4", "v3.avi"},
      {"-c:v flv", "a.flv"},
      {"-c:v libtheora", "a.ogv"},
      {"-c:v wmv1", "1.wmv"},
      {"-c:v wmv2", "2.wmv"},
      {"-c:v mjpeg -pix_fmt yuvj420p", "mjpeg.avi"},
      {"-c:v prores -pix_fmt yuv422p10", "prores.mov"},
      {"-c:v cfhd -pix_fmt yuv422p10", "cfhd.mov"},
      {"-c:v qtrle -pix_fmt rgb24", "qtrle.mov"},
      {"-c:v png -pix_fmt rgb24", "png.mov"},
      {"-c:v ffv1", "ffv1.mkv"},
      {"-c:v huffyuv -pix_fmt yuv422p", "huffyuv.avi"},
      {"-c:v ffvhuff", "ffvhuff.avi"},
      {"-c:v utvideo", "utvideo.avi"},
      {"-c:v v210 -pix_fmt yuv422p10", "v210.mov"},
      {"-c:v rawvideo", "raw.avi"},
      {"-vf format=rgb24", "a.gif"},
      {"-pix_fmt rgba -f apng", "a.png"},
      {"-c:v mpeg2video -r 25", "a.mxf"},
      {"-c:v libx264 -s 1920x1080 -vf scale=1920:1080", "large.mp4"},
  };
  const CancelFlag never;
  for (const auto& [options, name] : encoders) {
    SCOPED_TRACE(name);
    const std::string file = Ffmpeg(source + options, name);
    EXPECT_TRUE(SampleVideo(file, Limits(), 0, never).ok());
    ExpectSame(*sandbox, file);
  }
}

TEST(VideoSandbox, RefusalsAsInProcess) {
  const auto sandbox = Sandbox(kDecoder);
  const std::string file = Golden("pattern_4s.mp4");
  ExpectSame(*sandbox, "");
  ExpectSame(*sandbox, "not a video");
  ExpectSame(*sandbox, std::string(100'000, '\0'));
  ExpectSame(*sandbox, file.substr(0, file.size() / 3));
  std::string damaged = file;
  for (size_t i = 5000; i < damaged.size(); i += 997) damaged[i] = static_cast<char>(i);
  ExpectSame(*sandbox, damaged);
}

TEST(VideoSandbox, LimitsReachTheDecoder) {
  const auto sandbox = Sandbox(kDecoder);
  const CancelFlag never;
  Limits limits;
  limits.max_frame_width = 10;
  const auto video = sandbox->Sample(Golden("pattern_4s.mp4"), limits, 0, never);
  EXPECT_THAT(std::string(video.status().message()), HasSubstr("limit is 10 (max_frame_width)"));
  const std::optional<BrokenLimit> limit = LimitOf(video.status());
  ASSERT_TRUE(limit.has_value());
  EXPECT_EQ(limit->name, "max_frame_width");
  EXPECT_EQ(limit->value, "320");
}

pid_t WaitForChildOf(pid_t parent);

class MisbehavingDecoder : public ::testing::Test {
 protected:
  absl::Status Do(const std::string& deed) {
    const CancelFlag never;
    return sandbox_->Sample(deed, limits_, 0, never).status();
  }

  // The deed is the video's fault, and the next video is decoded.
  void ExpectBlamed(const std::string& deed, const std::string& message) {
    const absl::Status status = Do(deed);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << deed << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << deed;
    EXPECT_FALSE(HasChildren()) << deed;
    EXPECT_EQ(OpenFiles(), files_) << deed;
    EXPECT_EQ(Do("behave"), absl::OkStatus()) << deed;
  }

  const std::unique_ptr<VideoSandbox> sandbox_ = Sandbox(kMisbehaving);
  const size_t files_ = OpenFiles();
  Limits limits_;
};

TEST_F(MisbehavingDecoder, Crashes) {
  // A sanitizer turns signals into exits of its own.
  ExpectBlamed("crash", kSanitized ? "crashed" : "crashed its decoder (signal 11)");
  ExpectBlamed("write to null", kSanitized ? "crashed" : "crashed its decoder (signal 11)");
  ExpectBlamed("abort", kSanitized ? "crashed" : "crashed its decoder (signal 6)");
  ExpectBlamed("throw", kSanitized ? "crashed" : "crashed its decoder (signal 6)");
  ExpectBlamed("exit", "crashed its decoder (exit code 3)");
  // The filter ends it at close().
  ExpectBlamed("close and loop", kSanitized ? "stopped answering" : "(signal 31)");
}

// By the kernel where memory is short: not the video's fault, and worth another try.
TEST_F(MisbehavingDecoder, KilledByOthers) {
  const absl::Status status = Do("be killed");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(RetryAfter(status).has_value());
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(Do("behave"), absl::OkStatus());
}

TEST_F(MisbehavingDecoder, MemoryIsLimited) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need memory without a limit";
  limits_.max_decoder_bytes = 100 << 20;
  ExpectBlamed("allocate without end", "max_decoder_bytes of 104857600");
  ExpectBlamed("allocate too much at once", "max_decoder_bytes of 104857600");
}

TEST_F(MisbehavingDecoder, TimeIsLimited) {
  limits_.max_video_seconds = -29.75;  // a limit of half a second: 1 minute + 2 * this
  const absl::Time start = absl::Now();
  const absl::Status status = Do("loop");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("more than 500ms to decode"));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(500));
  EXPECT_FALSE(HasChildren());
}

// The limit is that of the video, not of the longest one that the server takes.
TEST_F(MisbehavingDecoder, AShortVideoHasAShortTime) {
  ASSERT_EQ(limits_.max_video_seconds, 600);
  const absl::Time start = absl::Now();
  ExpectBlamed("say a second and loop", "more than 1s to decode");
  EXPECT_GE(absl::Now() - start, absl::Seconds(1));
  ExpectBlamed("say limits without end", "out of order");
  // Nor has one that hides its length.
  ExpectBlamed("loop", "more than 10s to decode");
  limits_.max_video_seconds = -29.5;
  EXPECT_THAT(std::string(Do("say years and loop").message()), HasSubstr("more than 1s to decode"));
}

// Bytes of memory of this process's children.
int64_t MemoryOfChildren() {
  int64_t bytes = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t child; list >> child;) {
      std::ifstream memory(absl::StrCat("/proc/", child, "/statm"));
      int64_t all = 0, resident = 0;
      if (memory >> all >> resident) bytes += resident * sysconf(_SC_PAGESIZE);
    }
  }
  return bytes;
}

// Six decoders of 128 MiB each, where two may run at once.
TEST_F(MisbehavingDecoder, MemoryOfAllIsLimited) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  limits_.max_video_seconds = 10;
  limits_.max_decoder_bytes = 160 << 20;
  constexpr uint64_t kBudget = 360 << 20;
  auto sandbox =
      VideoSandbox::Create(kMisbehaving, VideoSandbox::Filter::kRequired, {.bytes = kBudget});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const CancelFlag never;
  std::atomic<int> running = 6;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const auto video = (*sandbox)->Sample("hold memory", limits_, 0, never);
      EXPECT_THAT(std::string(video.status().message()), HasSubstr("held it"));
      --running;
    });
  }
  int64_t most = 0;
  while (running > 0) {
    most = std::max(most, MemoryOfChildren());
    absl::SleepFor(absl::Milliseconds(2));  // leaves the processor to them
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(most, 120 << 20);  // it was seen
  EXPECT_LT(most, int64_t{kBudget});
}

TEST_F(MisbehavingDecoder, ASmallBudgetIsTheLimitOfEach) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need memory without a limit";
  limits_.max_video_seconds = 10;
  auto sandbox =
      VideoSandbox::Create(kMisbehaving, VideoSandbox::Filter::kRequired, {.bytes = 100 << 20});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const CancelFlag never;
  const auto video = (*sandbox)->Sample("allocate without end", limits_, 0, never);
  EXPECT_THAT(std::string(video.status().message()), HasSubstr("needs more memory"));
}

TEST_F(MisbehavingDecoder, SystemCallsAreRefused) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need system calls without a filter";
  ExpectBlamed("open a file", "open: Permission denied");
  ExpectBlamed("raise the processor's limit", "setrlimit: Operation not permitted");
  for (const char* deed : {"open a socket", "run a program", "fork", "send a signal", "make code",
                           "raise a limit", "make a folder", "say who it is"}) {
    ExpectBlamed(deed, "what it must not (signal 31)");
  }
}

TEST_F(MisbehavingDecoder, AnswersAreChecked) {
  ExpectBlamed("say nonsense", "another form");
  ExpectBlamed("start twice", "out of order");
  ExpectBlamed("message without end", "another form");
  ExpectBlamed("escape codes", "?[31mred?\"status\":\"ok\"?");
  ExpectBlamed("many frames", "37 distinct frames");
  ExpectBlamed("no frames", "0 distinct frames");
  ExpectBlamed("many seconds", "a video of 601 s");
  ExpectBlamed("no seconds", "a video of 0 s");
  ExpectBlamed("index below", "frame -1 of 1");
  ExpectBlamed("index beyond", "frame 1 of 1");
  ExpectBlamed("frames cut", "exit code 0");
}

TEST_F(MisbehavingDecoder, LongerThanAskedFor) {
  const CancelFlag never;
  EXPECT_TRUE(sandbox_->Sample("behave", limits_, 2, never).ok());
  EXPECT_FALSE(sandbox_->Sample("behave", limits_, 1, never).ok());
}

TEST_F(MisbehavingDecoder, CancelledBefore) {
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_EQ(sandbox_->Sample("loop", limits_, 0, cancel).status().code(),
            absl::StatusCode::kCancelled);
}

// Which value each local frame of a split video is filled with. Empty: not as it should be.
std::vector<int> FrameValues(const absl::StatusOr<VideoFrames>& video) {
  std::vector<int> values;
  if (!video.ok()) return values;
  for (const int i : video->local) values.push_back(video->frames.at(static_cast<size_t>(i))[0]);
  return values;
}

class SplitVideos : public MisbehavingDecoder, public ::testing::WithParamInterface<int> {
 protected:
  std::unique_ptr<VideoSandbox> Split(const char* program) {
    auto sandbox = VideoSandbox::Create(program, VideoSandbox::Filter::kRequired,
                                        {.cores = GetParam(), .least_pixels_to_split = 0});
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    return *std::move(sandbox);
  }
};

TEST_P(SplitVideos, FramesComeFromAllProcesses) {
  const CancelFlag never;
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(FrameValues(Split(kMisbehaving)->Sample("split and do well", limits_, 0, never)),
                ElementsAre(0, 1, 2, 3));
  }
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(OpenFiles(), files_);
}

// Whatever happens to one process, the video is decoded anew by one that decodes it in order.
TEST_P(SplitVideos, AreDecodedInOrderIfAnyProcessFails) {
  const auto sandbox = Split(kMisbehaving);
  const CancelFlag never;
  for (const char* what : {"crash", "doubt", "doubt later", "send one twice", "send one beyond",
                           "send nonsense", "leave one out", "loop", "take memory"}) {
    if (kSanitized && what == std::string("take memory")) continue;
    limits_.max_decoder_bytes = 100 << 20;
    const auto video = sandbox->Sample(absl::StrCat("split and ", what), limits_, 2, never);
    EXPECT_THAT(FrameValues(video), ElementsAre(9, 9, 9, 9)) << what << ": " << video.status();
    EXPECT_FALSE(HasChildren()) << what;
    EXPECT_EQ(OpenFiles(), files_) << what;
  }
  EXPECT_THAT(
      std::string(sandbox->Sample("split without end", limits_, 0, never).status().message()),
      HasSubstr("split twice"));
}

TEST_P(SplitVideos, EndWhenCancelled) {
  const auto sandbox = Split(kMisbehaving);
  CancelFlag cancel;
  std::thread decoding([&] {
    EXPECT_EQ(sandbox->Sample("split and loop", limits_, 0, cancel).status().code(),
              absl::StatusCode::kCancelled);
  });
  EXPECT_GT(WaitForChildOf(getpid()), 0);
  absl::SleepFor(absl::Milliseconds(50));  // any moment will do
  cancel.Cancel();
  decoding.join();
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(OpenFiles(), files_);
}

TEST_P(SplitVideos, GiveTheSameFrames) {
  const auto sandbox = Split(kDecoder);
  for (const char* name : {"pattern_4s.mp4", "life_7s.mp4", "zoom_63s.mp4"}) {
    SCOPED_TRACE(name);
    ExpectSame(*sandbox, Golden(name));
  }
  const std::string source = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=4 ";
  for (const auto& [options, name] :
       {std::pair("-c:v libx264 -g 20 -bf 3", "split.mp4"),
        std::pair("-c:v libx265 -x265-params log-level=none:keyint=20", "split.mkv"),
        std::pair("-c:v libx264 -g 20 -x264-params open-gop=1", "split.ts")}) {
    SCOPED_TRACE(name);
    const std::string file = Ffmpeg(source + options, name);
    ExpectSame(*sandbox, file);
    ExpectSame(*sandbox, file, 2);
    std::string damaged = file;
    for (size_t i = 5000; i < damaged.size(); i += 9970) damaged[i] ^= 8;
    ExpectSame(*sandbox, damaged);
  }
}

// Videos that are decoded at once share the cores, down to one process each.
TEST_P(SplitVideos, ManyAtOnce) {
  const auto sandbox = Split(kDecoder);
  const std::string file = Ffmpeg(
      "-f lavfi -i testsrc2=size=320x240:rate=25:duration=10 -c:v libx264 -g 10", "many.mp4");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { ExpectSame(*sandbox, file); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(OpenFiles(), files_);
}

// All processes of a video together take no more than one would.
TEST_P(SplitVideos, MemoryIsShared) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need memory without a limit";
  limits_.max_decoder_bytes = 200 << 20;
  const auto sandbox = Split(kMisbehaving);
  const CancelFlag never;
  std::atomic<bool> running = true;
  std::thread decoding([&] {
    EXPECT_THAT(FrameValues(sandbox->Sample("split and take memory", limits_, 2, never)),
                ElementsAre(9, 9, 9, 9));
    running = false;
  });
  int64_t most = 0;
  while (running) {
    most = std::max(most, MemoryOfChildren());
    absl::SleepFor(absl::Milliseconds(2));  // leaves the processor to them
  }
  decoding.join();
  EXPECT_LT(most, (200 << 20) + GetParam() * (24 << 20));  // the program's own size comes on top
}

INSTANTIATE_TEST_SUITE_P(Cores, SplitVideos, ::testing::Values(2, 4));

// The server blocks signals; the decoder must not inherit that.
TEST_F(MisbehavingDecoder, SignalsAreNotBlocked) {
  CancelFlag cancel;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread decoding([&] { static_cast<void>(sandbox_->Sample("loop", limits_, 0, cancel)); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const pid_t decoder = WaitForChildOf(getpid());
  ASSERT_GT(decoder, 0);
  // Before it has become the program, it has all blocked; then none.
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  std::string blocked;
  while (blocked != "0000000000000000" && absl::Now() < deadline) {
    std::ifstream status(absl::StrCat("/proc/", decoder, "/status"));
    for (std::string line; std::getline(status, line);) {
      if (absl::StartsWith(line, "SigBlk:\t")) blocked = line.substr(8);
    }
  }
  EXPECT_EQ(blocked, "0000000000000000");
  cancel.Cancel();
  decoding.join();
}

// A cancelled request's decoder is killed by the thread that cancels.
TEST_F(MisbehavingDecoder, CancellingEndsItAtOnce) {
  std::vector<absl::Duration> took;
  for (int i = 0; i < 9; ++i) {
    CancelFlag cancel;
    std::thread decoding([&] {
      EXPECT_EQ(sandbox_->Sample("loop", limits_, 0, cancel).status().code(),
                absl::StatusCode::kCancelled);
    });
    EXPECT_GT(WaitForChildOf(getpid()), 0);
    const absl::Time cancelled = absl::Now();
    cancel.Cancel();
    decoding.join();
    took.push_back(absl::Now() - cancelled);
  }
  std::sort(took.begin(), took.end());
  std::printf("from cancellation to the decoder's end: %s, at most %s\n",
              absl::FormatDuration(took[4]).c_str(), absl::FormatDuration(took[8]).c_str());
  EXPECT_LT(took[4], absl::Milliseconds(50));  // the machine may be busy, but not each time
  EXPECT_FALSE(HasChildren());
}

// From several threads, at every point of a decoder's life.
TEST_F(MisbehavingDecoder, CancellingLeavesNothingBehind) {
  constexpr int kThreads = 4;
  constexpr int kCallsPerThread = 50;
  std::vector<absl::Duration> delays(kThreads);  // the longest from cancellation to return
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCallsPerThread; ++i) {
        CancelFlag cancel;
        absl::Time cancelled;
        std::thread canceller([&] {
          absl::SleepFor(absl::Milliseconds(i));
          cancelled = absl::Now();
          cancel.Cancel();
        });
        const auto video = sandbox_->Sample("loop", limits_, 0, cancel);
        const absl::Time returned = absl::Now();
        canceller.join();
        delays[static_cast<size_t>(t)] =
            std::max(delays[static_cast<size_t>(t)], returned - cancelled);
        EXPECT_EQ(video.status().code(), absl::StatusCode::kCancelled) << video.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(OpenFiles(), files_);
  EXPECT_EQ(Do("behave"), absl::OkStatus());
  std::printf("longest from cancellation to return: %s\n",
              absl::FormatDuration(*std::max_element(delays.begin(), delays.end())).c_str());
}

// The state letter and the parent of a process, as /proc tells them.
struct ProcessState {
  char state = 0;  // 0: no such process
  pid_t parent = 0;
};

ProcessState StateOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string id, name;
  ProcessState process;
  file >> id >> name >> process.state >> process.parent;
  return process;
}

pid_t WaitForChildOf(pid_t parent) {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (absl::Now() < deadline) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid > 0 && StateOf(pid).parent == parent) return pid;
    }
  }
  return 0;
}

TEST_F(MisbehavingDecoder, EndsWithTheServer) {
  const pid_t server = fork();
  if (server == 0) {
    static_cast<void>(Do("loop"));
    _exit(0);
  }
  const pid_t decoder = WaitForChildOf(server);
  ASSERT_GT(decoder, 0);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  const auto gone = [&] {
    const char state = StateOf(decoder).state;
    return state == 0 || state == 'Z';
  };
  while (!gone() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(gone());
}

// From now on this process is on a kernel without seccomp.
bool TakeSeccompAway() {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const uint32_t missing = SCMP_ACT_ERRNO(ENOSYS);
  return seccomp_rule_add(filter, missing, SCMP_SYS(seccomp), 0) == 0 &&
         seccomp_rule_add(filter, missing, SCMP_SYS(prctl), 1,
                          SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) == 0 &&
         seccomp_load(filter) == 0;
}

bool KernelHasLandlock() {
  constexpr unsigned kVersion = 1;
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersion) > 0;
}

absl::Status CheckWithoutSeccomp() {
  if (!TakeSeccompAway()) return absl::InternalError("no seccomp to take away");
  using Filter = VideoSandbox::Filter;
  if (VideoSandbox::Create(kDecoder, Filter::kRequired, {}).ok()) {
    return absl::InternalError("the filter was required, yet it could be done without");
  }
  const auto sandbox = VideoSandbox::Create(kDecoder, Filter::kIfPossible, {});
  if (!sandbox.ok()) return sandbox.status();
  if ((*sandbox)->unfiltered().empty()) return absl::InternalError("it claims to have a filter");
  const CancelFlag never;
  const auto video = (*sandbox)->Sample(Golden("pattern_4s.mp4"), Limits(), 0, never);
  if (!video.ok()) return video.status();
  // Limits hold nevertheless.
  const auto misbehaving = VideoSandbox::Create(kMisbehaving, Filter::kIfPossible, {});
  if (!misbehaving.ok()) return misbehaving.status();
  std::vector<std::pair<std::string, std::string>> expected = {
      {"open a file", "open: Too many open files"},
      {"open a socket", "socket: Too many open files"},
      {"raise a limit", "setrlimit: Operation not permitted"},
      {"raise the processor's limit", "setrlimit: Operation not permitted"},
      {"say who it is", absl::StrCat("user ", geteuid() == 0 ? 65534 : geteuid())},
  };
  if (KernelHasLandlock()) expected.emplace_back("make a folder", "mkdir: Permission denied");
  for (const auto& [deed, message] : expected) {
    const std::string got((*misbehaving)->Sample(deed, Limits(), 0, never).status().message());
    if (got != message) return absl::InternalError(got);
  }
  return absl::OkStatus();
}

TEST(VideoSandbox, KernelWithoutFilters) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need system calls without a filter";
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = CheckWithoutSeccomp();
    if (!status.ok()) std::cerr << status << std::endl;
    _exit(status.ok() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(MisbehavingDecoder, FewDescriptorsLeft) {
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  int refused = 0;
  for (rlim_t few = 3; few < 10; ++few) {
    const rlimit limit = {few, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const absl::Status status = Do("behave");
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    EXPECT_FALSE(HasChildren());
    EXPECT_EQ(OpenFiles(), files_);
    if (status.ok()) continue;
    ++refused;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_TRUE(RetryAfter(status).has_value());
  }
  EXPECT_GE(refused, 3);  // the memory file, the pipe's two ends
  EXPECT_EQ(Do("behave"), absl::OkStatus());
}

TEST(VideoSandbox, ProgramsThatAreNoDecoder) {
  for (const auto& [program, why] : {std::pair("/nowhere/decoder", "No such file"),
                                     std::pair("/bin/true", "could not start (exit code 0)"),
                                     std::pair("/etc/passwd", "Permission denied")}) {
    const auto sandbox = VideoSandbox::Create(program, VideoSandbox::Filter::kRequired, {});
    EXPECT_EQ(sandbox.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(sandbox.status().message()), HasSubstr(why));
  }
}

}  // namespace
}  // namespace vidmuse
