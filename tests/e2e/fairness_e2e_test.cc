// Three clients share a server, and one of them sends far more than the others.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/mutex.h"
#include "tests/e2e/harness.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

struct Client {
  const char* name;
  const char* key;
  const char* hash;
  int requests;
};

constexpr Client kClients[] = {
    {"greedy", "sesame-open-0001",
     "893962031749f5482c8dac437b3342492919ad952be61608d01e2a5cbfce7606", 800},
    {"second", "sesame-open-0002",
     "8a0fc68ed13a4144a2b593cbcde0c5cb7ca979a6f7744269e131d7d42f8ce6fb", 100},
    {"third", "sesame-open-0003",
     "b43c0b0139077878c303ba4b9b6059f767be44885fae04a9da4037468d2120fe", 100}};

// The clients whose requests have ended, in the order of their ends.
class Ends {
 public:
  void Add(int client, const grpc::Status& status) {
    MutexLock lock(&mutex_);
    clients_.push_back(client);
    if (!status.ok()) errors_.push_back(absl::StrCat(status.error_code(), status.error_message()));
  }
  bool WaitFor(size_t requests, absl::Duration timeout) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return clients_.size() >= requests;
    });
  }
  std::vector<int> clients() {
    MutexLock lock(&mutex_);
    return clients_;
  }
  std::vector<std::string> errors() {
    MutexLock lock(&mutex_);
    return errors_;
  }

 private:
  Mutex mutex_;
  std::vector<int> clients_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);
};

// One request for a second of music.
class Request final
    : public grpc::ClientBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse> {
 public:
  Request(v1::MusicService::Stub* stub, int client, const std::string& video, Ends* ends)
      : client_(client), ends_(ends) {
    config_.mutable_config()->set_max_duration_seconds(1);
    config_.mutable_config()->set_loudness(v1::LOUDNESS_NONE);
    config_.mutable_config()->set_format(v1::AUDIO_FORMAT_PCM_S16LE);
    video_.set_video_chunk(video);
    context_.AddMetadata("x-api-key", kClients[client].key);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience * absl::Minutes(4)));
    stub->async()->GenerateMusic(&context_, this);
    StartRead(&response_);
    StartWrite(&config_);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (ok && !std::exchange(video_sent_, true)) StartWriteLast(&video_, {});
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override { ends_->Add(client_, status); }

 private:
  const int client_;
  Ends* const ends_;
  grpc::ClientContext context_;
  v1::GenerateMusicRequest config_, video_;
  v1::GenerateMusicResponse response_;
  bool video_sent_ = false;
};

TEST(FairnessE2eTest, AGreedyClientLeavesTheOthersTheirShare) {
  {
    std::ofstream keys(TempFile("keys"));
    for (const Client& client : kClients) keys << client.hash << " " << client.name << "\n";
  }
  // A model whose videos are encoded sooner than the golden one's.
  const std::string model = TempFile("narrow");
  const RunResult made = RunProgram({VIDMUSE_BIN_DIR "/vidmuse_make_model", "--out", model,
                                     "--clip_width", "192", "--clip_mlp", "64"},
                                    kPatience * absl::Minutes(1));
  ASSERT_EQ(made.exit_code, 0) << made.error;
  std::vector<std::string> flags = {"--model_dir", model, "--api_keys_file", TempFile("keys"),
                                    "--max_batch", "4",   "--video_sandbox", "off"};
  // No client meets a limit of its own: what is left is taking turns.
  for (const char* limit : {"--max_queued_requests", "--max_concurrent_uploads",
                            "--max_uploads_per_key", "--max_requests_per_key"}) {
    flags.insert(flags.end(), {limit, "2000"});
  }
  auto server = ServerProcess::Start(flags);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string video = ReadFile(DataPath("e2e/still_1s.mkv"));

  Ends ends;
  std::vector<std::unique_ptr<v1::MusicService::Stub>> stubs;
  std::vector<std::unique_ptr<Request>> requests;
  for (int client = 0; client < static_cast<int>(std::size(kClients)); ++client) {
    for (int i = 0; i < kClients[client].requests; ++i) {
      // The server takes 128 calls at once on a connection.
      if (i % 100 == 0) {
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        stubs.push_back(v1::MusicService::NewStub(grpc::CreateCustomChannel(
            (*server)->address(), grpc::InsecureChannelCredentials(), arguments)));
      }
      requests.push_back(std::make_unique<Request>(stubs.back().get(), client, video, &ends));
    }
  }
  if (!ends.WaitFor(requests.size(), kPatience * absl::Minutes(4))) {
    std::fprintf(stderr, "requests don't end\n");
    std::abort();  // because they would outlive their objects
  }
  EXPECT_EQ(ends.errors(), std::vector<std::string>());

  // Until the others have all their music, a client that takes its turns has as much as each of
  // them, and what was made before they came.
  const std::vector<int> order = ends.clients();
  const auto last = std::find_if(order.rbegin(), order.rend(), [](int c) { return c != 0; });
  const auto greedy = std::count(last, order.rend(), 0);
  std::printf("%d of the greedy client's %d were made before the others' 200\n",
              static_cast<int>(greedy), kClients[0].requests);
  EXPECT_LE(greedy, 300);
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
