// Overloads the server: thousands of calls at once, and clients that upload very slowly.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/mutex.h"
#include "tests/e2e/harness.h"
#include "tests/support/notification.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

std::unique_ptr<ServerProcess> StartServer(const std::vector<std::string>& flags) {
  auto server = ServerProcess::Start(flags);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? std::move(*server) : nullptr;
}

v1::GenerateMusicRequest Config(const std::string& video) {
  v1::GenerateMusicRequest request;
  request.mutable_config()->set_max_duration_seconds(1);
  request.mutable_config()->set_video_bytes(video.size());
  request.mutable_config()->set_loudness(v1::LOUDNESS_NONE);
  request.mutable_config()->set_format(v1::AUDIO_FORMAT_PCM_S16LE);
  return request;
}

// Counts how calls end.
class Crowd {
 public:
  void Ended(const grpc::Status& status, bool has_pushback) {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      ++served_;
    } else if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED && has_pushback) {
      ++refused_;
    } else {
      others_.push_back(absl::StrCat(status.error_code(), ": ", status.error_message()));
    }
    ++ended_;
  }
  bool WaitFor(int calls, absl::Duration timeout) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(timeout,
                           [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_ >= calls; });
  }
  int served() {
    MutexLock lock(&mutex_);
    return served_;
  }
  int refused() {
    MutexLock lock(&mutex_);
    return refused_;
  }
  std::vector<std::string> others() {
    MutexLock lock(&mutex_);
    return others_;
  }

 private:
  Mutex mutex_;
  int ended_ ABSL_GUARDED_BY(mutex_) = 0;
  int served_ ABSL_GUARDED_BY(mutex_) = 0;
  int refused_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> others_ ABSL_GUARDED_BY(mutex_);
};

// One asynchronous call: sends the config and the video, half-closes, and reads all responses.
class CrowdCall final
    : public grpc::ClientBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse> {
 public:
  CrowdCall(v1::MusicService::Stub* stub, const std::string& video, Crowd* crowd)
      : crowd_(crowd), config_(Config(video)) {
    video_.set_video_chunk(video);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience * absl::Minutes(4)));
    stub->async()->GenerateMusic(&context_, this);
    StartRead(&response_);
    StartWrite(&config_);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    if (!std::exchange(video_sent_, true)) {
      StartWriteLast(&video_, {});
    }
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    crowd_->Ended(status,
                  context_.GetServerTrailingMetadata().count("grpc-retry-pushback-ms") == 1);
  }

 private:
  Crowd* const crowd_;
  grpc::ClientContext context_;
  v1::GenerateMusicRequest config_, video_;
  v1::GenerateMusicResponse response_;
  bool video_sent_ = false;
};

TEST(OverloadE2eTest, ThousandsOfCallsAtOnceEndInOrder) {
  constexpr int kCalls = 6000, kConnections = 4;
  const auto server = StartServer(
      {"--max_queued_requests", "8", "--max_concurrent_uploads", "16", "--max_batch", "4"});
  ASSERT_NE(server, nullptr);
  const std::string video = ReadFile(GoldenVideo("pattern_4s"));
  std::vector<std::unique_ptr<v1::MusicService::Stub>> stubs;
  for (int i = 0; i < kConnections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::MusicService::NewStub(grpc::CreateCustomChannel(
        server->address(), grpc::InsecureChannelCredentials(), arguments)));
  }
  const auto run = [&](int calls) {
    Crowd crowd;
    std::vector<std::unique_ptr<CrowdCall>> all;
    for (int i = 0; i < calls; ++i) {
      all.push_back(std::make_unique<CrowdCall>(stubs[i % kConnections].get(), video, &crowd));
    }
    if (!crowd.WaitFor(calls, kPatience * absl::Minutes(4))) {
      std::fprintf(stderr, "calls don't end\n");
      std::abort();  // because the calls would outlive their objects
    }
    EXPECT_THAT(crowd.others(), testing::IsEmpty());
    EXPECT_EQ(crowd.served() + crowd.refused(), calls);
    EXPECT_GE(crowd.served(), 1);
    return crowd.refused();
  };
  run(50);  // so that memory that a busy server keeps isn't counted below
  const double before = ResidentMegabytes(server->pid());
  EXPECT_GE(run(kCalls), kCalls / 2);
  const double peak = ResidentMegabytes(server->pid(), "VmHWM:");
  // The server should hold a queue of 8, 16 uploads and gRPC's memory for each call; 6,000 whole
  // videos would be 531 MB.
  if (!kSanitized) {
    EXPECT_LT(peak, before + 250) << "from " << before << " MB";
    // Afterwards the memory must be returned to the system.
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    double now = peak;
    while (now > (before + peak) / 2 && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(20));
      now = ResidentMegabytes(server->pid());
    }
    EXPECT_LE(now, (before + peak) / 2) << "from " << before << " MB over " << peak << " MB";
    std::printf("resident memory %.0f MB before, %.0f MB at most, %.0f MB after\n", before, peak,
                now);
  }
  EXPECT_EQ(server->WaitForMetric("vidmuse_requests_waiting", "", 0), absl::OkStatus());

  const RunResult after =
      Generate(*server, GoldenVideo("pattern_4s"), TempFile("after.wav"), {"--duration", "1"});
  EXPECT_EQ(after.exit_code, 0) << after.error;
  EXPECT_EQ(server->Stop(), absl::OkStatus());
}

// Sends one byte of video per second until the call ends.
class SlowUpload {
 public:
  explicit SlowUpload(const std::string& address)
      : stub_(v1::MusicService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        thread_([this] { Run(); }) {}
  ~SlowUpload() { thread_.join(); }

  grpc::Status Wait() {
    EXPECT_TRUE(ended_.WaitFor(kPatience * absl::Minutes(1)));
    return status_;
  }

 private:
  void Run() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience * absl::Seconds(50)));
    const auto stream = stub_->GenerateMusic(&context);
    v1::GenerateMusicRequest request;
    request.mutable_config();
    bool open = stream->Write(request);
    request.set_video_chunk("v");
    while (open) {
      ended_.WaitFor(absl::Seconds(1));  // always times out: it sets the pace
      open = stream->Write(request);
    }
    v1::GenerateMusicResponse response;
    while (stream->Read(&response)) {
    }
    status_ = stream->Finish();
    ended_.Notify();
  }

  const std::unique_ptr<v1::MusicService::Stub> stub_;
  grpc::Status status_;
  Notification ended_;
  std::thread thread_;
};

TEST(OverloadE2eTest, SlowUploadsEndAndHoldUpNobody) {
  const auto server = StartServer({"--upload_idle_timeout_seconds", "3"});
  ASSERT_NE(server, nullptr);
  std::vector<std::unique_ptr<SlowUpload>> slow;
  for (int i = 0; i < 8; ++i) slow.push_back(std::make_unique<SlowUpload>(server->address()));
  const RunResult beside =
      Generate(*server, GoldenVideo("pattern_4s"), TempFile("beside.wav"), {"--duration", "1"});
  EXPECT_EQ(beside.exit_code, 0) << beside.error;
  for (const auto& upload : slow) {
    const grpc::Status status = upload->Wait();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_THAT(status.error_message(), HasSubstr("less than 1000 bytes a second"));
  }
  EXPECT_EQ(server->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
