// Faults while the server is in service: a device thread that throws, no memory, a full disk, a log
// that nobody reads, a client that reads nothing, and a wall clock that jumps.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/music_client.h"
#include "core/base/unique_fd.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/load_balancer.h"
#include "tests/support/faults.h"
#include "tests/support/http_get.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr char kServer[] = VIDMUSE_BIN_DIR "/vidmuse_server";
constexpr char kFaultyServer[] = VIDMUSE_BIN_DIR "/tests/vidmuse_faulty_server";
constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";

struct Song {
  uint64_t seed = 1;
  std::string video;
  double max_seconds = 4;
  std::function<void()> after_first_audio = nullptr;
  std::string audio = {};
};

absl::Status Make(const std::string& address, Song* song) {
  auto client = MusicClient::Create(
      {.addresses = {address}, .max_retries = 0, .max_busy_wait = absl::ZeroDuration()});
  if (!client.ok()) return client.status();
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(song->seed);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.config.set_format(v1::AUDIO_FORMAT_PCM_S16LE);
  options.config.set_max_chunk_seconds(0.2);
  options.config.set_max_duration_seconds(song->max_seconds);
  options.deadline = kPatience * absl::Minutes(2);
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    const bool first = song->audio.empty() && !chunk.data().empty();
    song->audio += chunk.data();
    if (first && song->after_first_audio) song->after_first_audio();
    return absl::OkStatus();
  };
  return (*client)->Generate(options, *VideoSource::FromMemory(song->video), sink);
}

TEST(FaultsE2eTest, AThrowingDeviceThreadAndNoMemoryCostTheirRequestAlone) {
  auto server = ServerProcess::StartProgram({kFaultyServer, "--model_dir", "none", "--listen",
                                             "127.0.0.1:0", "--metrics_listen", "127.0.0.1:0"});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& address = (*server)->address();
  Song undisturbed = {.seed = 7, .video = "v", .max_seconds = 60};
  ASSERT_EQ(Make(address, &undisturbed), absl::OkStatus());

  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      for (int song = 0; song < 5; ++song) {
        Song other = {.seed = 7, .video = "v", .max_seconds = 60};
        EXPECT_EQ(Make(address, &other), absl::OkStatus());
        EXPECT_TRUE(other.audio == undisturbed.audio);
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    Song throws = {.seed = kStepThrows, .video = "v"};
    absl::Status status = Make(address, &throws);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the device is on fire"));
    Song out_of_memory = {.seed = kStepIsOutOfMemory, .video = "v"};
    status = Make(address, &out_of_memory);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    Song decode_throws = {.video = kDecodeThrows};
    EXPECT_EQ(Make(address, &decode_throws).code(), absl::StatusCode::kInternal);
    Song decode_out_of_memory = {.video = kDecodeIsOutOfMemory};
    EXPECT_EQ(Make(address, &decode_out_of_memory).code(), absl::StatusCode::kResourceExhausted);
  }
  for (std::thread& other : others) other.join();
  EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_running", "", 0), absl::OkStatus());
  EXPECT_EQ((*server)->WaitForMetric("vidmuse_kv_cache_usage_ratio", "", 0), absl::OkStatus());
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

TEST(FaultsE2eTest, ALostDeviceHandsItsRequestsOverAndIsNotLive) {
  auto server = ServerProcess::StartProgram({kFaultyServer, "--model_dir", "none", "--listen",
                                             "127.0.0.1:0", "--metrics_listen", "127.0.0.1:0"});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& address = (*server)->address();
  auto client = MusicClient::Create({.addresses = {address}, .max_retries = 0});
  EXPECT_EQ((*client)->CheckHealth(), absl::OkStatus());
  Song losing = {.seed = kDeviceIsLost, .video = "v"};
  EXPECT_EQ(Make(address, &losing).code(), absl::StatusCode::kUnavailable);
  Song late = {.seed = 7, .video = "v"};
  const absl::Status refused = Make(address, &late);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("an illegal address"));
  const absl::Time deadline = absl::Now() + kPatience * absl::Seconds(30);
  while ((*client)->CheckHealth().ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_FALSE((*client)->CheckHealth().ok());
}

// Tests of a server whose standard error is redirected by a shell, away from the test.
class LogFaultTest : public ::testing::Test {
 protected:
  void Start(const std::string& redirection) {
    const auto model = TinyModel();
    ASSERT_TRUE(model.ok()) << model.status();
    auto server =
        Subprocess::Start({"/bin/sh", "-c", absl::StrCat("exec \"$@\" ", redirection), "sh",
                           kServer, "--model_dir", *model, "--listen", address_, "--metrics_listen",
                           absl::StrCat("127.0.0.1:", metrics_port_), "--drain_seconds", "5"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void ExpectServiceAsEver() {
    // The ready line can't be read. The metrics page is up just before the service is.
    const absl::Time deadline = absl::Now() + kPatience * absl::Minutes(1);
    while (!HttpGet(metrics_port_, "/metrics").ok() && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    auto client = MusicClient::Create({.addresses = {address_}});
    EXPECT_EQ((*client)->CheckHealth(), absl::OkStatus());
    for (int i = 0; i < 3; ++i) {
      Song song = {.video = ReadFile(GoldenVideo("pattern_4s")), .max_seconds = 1};
      EXPECT_EQ(Make(address_, &song), absl::OkStatus());
      EXPECT_FALSE(song.audio.empty());
    }
  }

  void ExpectACleanEnd() {
    const absl::Time told = absl::Now();
    server_->Signal(SIGTERM);
    const auto code = server_->Wait(kPatience * absl::Seconds(30));
    EXPECT_EQ(code.value_or(-1), 0) << code.status();
    EXPECT_LT(absl::Now() - told, absl::Seconds(6));
  }

  const std::string address_ = absl::StrCat("127.0.0.1:", FreePort());
  const int metrics_port_ = FreePort();
  std::unique_ptr<Subprocess> server_;
};

TEST_F(LogFaultTest, AFullDiskUnderTheLogChangesNothing) {
  Start("2>/dev/full");
  ExpectServiceAsEver();
  const auto page = HttpGet(metrics_port_, "/metrics");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, HasSubstr("vidmuse_log_lines_dropped_total"));
  EXPECT_THAT(*page,
              testing::Not(testing::ContainsRegex("log_lines_dropped_total[{][^}]*[}] 0\n")));
  ExpectACleanEnd();
}

TEST_F(LogFaultTest, APipeThatNobodyReadsUnderTheLogChangesNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  // Fills the pipe, so that not even the ready line fits.
  fcntl(writer.get(), F_SETFL, O_NONBLOCK);
  const std::string junk(1 << 16, 'x');
  while (write(writer.get(), junk.data(), junk.size()) > 0) {
  }
  fcntl(writer.get(), F_SETFL, 0);  // the server's end blocks, as usual
  Start(absl::StrCat("2>&", writer.get()));
  ExpectServiceAsEver();
  ExpectACleanEnd();
}

TEST(FaultsE2eTest, AFullDiskUnderTheClientIsAnErrorAndLeavesNoFile) {
  auto server = ServerProcess::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string output = TempFile("full.wav");
  // A file size limit of 8 blocks simulates a full disk.
  const RunResult result = RunProgram({"/bin/sh", "-c", "ulimit -f 8; trap '' XFSZ; exec \"$@\"",
                                       "sh", kClient, "generate", "--server", (*server)->address(),
                                       "--video", GoldenVideo("pattern_4s"), "--output", output});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("full.wav"));
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(output).parent_path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("full.wav")));
  }
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

TEST(FaultsE2eTest, AReaderThatTakesNothingHoldsUpNobody) {
  auto server = ServerProcess::Start({"--max_stream_buffer_bytes", "65536"});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string video = ReadFile(GoldenVideo("zoom_63s"));
  const auto stub = v1::MusicService::NewStub(
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience * absl::Minutes(3)));
  const auto slow = stub->GenerateMusic(&context);
  v1::GenerateMusicRequest request;
  request.mutable_config()->set_loudness(v1::LOUDNESS_NONE);
  request.mutable_config()->set_format(v1::AUDIO_FORMAT_PCM_F32LE);
  slow->Write(request);
  request.set_video_chunk(video);
  slow->Write(request);
  slow->WritesDone();

  // All tokens are generated although nobody reads the audio; after that, the request's slot is
  // free.
  EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_running", "", 1), absl::OkStatus());
  Song beside = {.video = ReadFile(GoldenVideo("pattern_4s"))};
  EXPECT_EQ(Make((*server)->address(), &beside), absl::OkStatus());
  EXPECT_EQ(
      (*server)->WaitForMetric("vidmuse_requests_running", "", 0, kPatience * absl::Minutes(2)),
      absl::OkStatus());

  size_t bytes = 0;
  bool finished = false;
  v1::GenerateMusicResponse response;
  while (slow->Read(&response)) {
    bytes += response.chunk().data().size();
    finished |= response.has_finished();
  }
  EXPECT_TRUE(slow->Finish().ok());
  EXPECT_TRUE(finished);
  EXPECT_EQ(bytes, size_t{63} * 32000 * sizeof(float));
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

// Sets the wall clock of programs that are started with Environment().
class WallClock {
 public:
  WallClock() : path_(TempFile("clock_shift")) {
    const int64_t none = 0;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(&none), sizeof(none));
    const UniqueFd fd(open(path_.c_str(), O_RDWR | O_CLOEXEC));
    void* page = mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    EXPECT_NE(page, MAP_FAILED);
    shift_ = static_cast<volatile int64_t*>(page);
  }
  ~WallClock() { munmap(const_cast<int64_t*>(shift_), sizeof(int64_t)); }

  std::vector<std::string> Environment() const {
    return {"/usr/bin/env",
            absl::StrCat("LD_PRELOAD=", VIDMUSE_BIN_DIR, "/tests/libvidmuse_clock_shift.so"),
            absl::StrCat("CLOCK_SHIFT_FILE=", path_)};
  }
  void Set(absl::Duration shift) { *shift_ = absl::ToInt64Seconds(shift); }

 private:
  const std::string path_;
  volatile int64_t* shift_ = nullptr;
};

TEST(ClockE2eTest, AWallClockThatJumpsByHoursChangesNothing) {
  if (kSanitized) GTEST_SKIP() << "sanitizers must be preloaded first";
  const auto model = TinyModel();
  ASSERT_TRUE(model.ok()) << model.status();
  WallClock clock;
  std::vector<std::string> args = clock.Environment();
  args.insert(args.end(),
              {kServer, "--model_dir", *model, "--listen", "127.0.0.1:0", "--metrics_listen",
               "127.0.0.1:0", "--upload_idle_timeout_seconds", "1", "--drain_seconds", "10"});
  auto server = ServerProcess::StartProgram(args);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& address = (*server)->address();
  const std::string video = ReadFile(GoldenVideo("life_7s"));
  Song undisturbed = {.video = video, .max_seconds = 7};
  ASSERT_EQ(Make(address, &undisturbed), absl::OkStatus());

  for (const absl::Duration jump : {absl::Hours(5), -absl::Hours(5), absl::Hours(24 * 400)}) {
    SCOPED_TRACE(absl::FormatDuration(jump));
    Song song = {.video = video, .max_seconds = 7, .after_first_audio = [&] { clock.Set(jump); }};
    EXPECT_EQ(Make(address, &song), absl::OkStatus());
    EXPECT_TRUE(song.audio == undisturbed.audio);

    // Timeouts must fire on time despite the jump.
    const auto stub =
        v1::MusicService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    const auto idle = stub->GenerateMusic(&context);
    v1::GenerateMusicRequest request;
    request.mutable_config();
    idle->Write(request);
    const absl::Time begin = absl::Now();
    idle->WaitForInitialMetadata();
    clock.Set(-jump);
    v1::GenerateMusicResponse response;
    while (idle->Read(&response)) {
    }
    EXPECT_THAT(idle->Finish().error_message(), HasSubstr("stood still for 1 s"));
    EXPECT_GE(absl::Now() - begin, absl::Milliseconds(900));
    EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  }
  const absl::Time told = absl::Now();
  clock.Set(-absl::Hours(100));
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
  EXPECT_LT(absl::Now() - told, absl::Seconds(10));
  // The server's clock did jump, as the times in its log show.
  const auto shifted = [](const char* format, absl::Duration shift) {
    return HasSubstr(absl::FormatTime(format, absl::Now() + shift, absl::UTCTimeZone()));
  };
  EXPECT_THAT((*server)->log(), testing::AnyOf(shifted("\"time\":\"%Y-%m-", -absl::Hours(24 * 400)),
                                               shifted("\"time\":\"%Y-%m-%dT%H", absl::Hours(5)),
                                               shifted("\"time\":\"%Y-%m-%dT%H", -absl::Hours(5))));
}

}  // namespace
}  // namespace vidmuse
