// A server over a fake generator, and a client connected to it over loopback.
#ifndef VIDMUSE_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_
#define VIDMUSE_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/metrics.h"
#include "server/server.h"
#include "tests/support/fake_generator.h"
#include "vidmuse/events.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// A client's side of one GenerateMusic call, with a deadline so that no test hangs.
class ClientCall {
 public:
  explicit ClientCall(v1::MusicService::Stub* stub,
                      std::optional<absl::Duration> timeout = absl::Seconds(30),
                      const std::string& request_id = "");

  bool Send(const v1::GenerateMusicConfig& config = {});
  bool Send(const std::string& video_chunk);
  bool SendEmpty() { return stream->Write({}); }
  void Complete() { stream->WritesDone(); }
  // Config, video and half-close.
  void Upload(const std::string& video = "video");

  std::optional<v1::GenerateMusicResponse> Receive();
  // Drops what is left to read.
  grpc::Status Finish();

  // "" if it is not there.
  std::string InitialMetadata(const std::string& key);
  std::string TrailingMetadata(const std::string& key);

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>>
      stream;
};

// A script: started, `chunks` chunks of `bytes` bytes, finished.
std::vector<absl::StatusOr<StreamEvent>> Song(int chunks, size_t bytes = 8);

// A clock that stands still until a test moves it, and counts who looks at it. Thread-safe.
class WatchedClock final : public Clock {
 public:
  absl::Duration Monotonic() const override {
    MutexLock lock(&mutex_);
    ++looks_;
    return now_;
  }

  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

  // Advances, and waits until all calls have been checked since: that begins with a look at the
  // clock. For moments in which no call sends or ends.
  void Pass(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
    const int64_t before = looks_;
    EXPECT_TRUE(mutex_.AwaitFor(absl::Seconds(20), [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return looks_ >= before + 3;
    }));
  }

 private:
  mutable Mutex mutex_;
  absl::Duration now_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
  mutable int64_t looks_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ServiceFixture : public ::testing::Test {
 protected:
  // Ports are free ones; tests change the rest before they start the server.
  ServiceFixture();
  ~ServiceFixture() override;

  void StartServer();
  std::shared_ptr<grpc::Channel> NewChannel(const grpc::ChannelArguments& arguments = {}) const;
  std::string MetricsText() const;
  // What was logged until now.
  std::string Log() {
    EXPECT_TRUE(log_writer_->Flush(absl::Seconds(20)));
    return log_.str();
  }

  ServerOptions options_;
  WatchedClock clock_;  // of the timeouts
  FakeGenerator generator_;
  PrometheusMetrics metrics_;
  std::ostringstream log_;  // see Log()
  const std::shared_ptr<LogWriter> log_writer_ = std::make_shared<LogWriter>(&log_);
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::MusicService::Stub> stub_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_
