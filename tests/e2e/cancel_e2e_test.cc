// Clients leave at every stage, by the thousand: the server must free every slot and all memory.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

// Set VIDMUSE_SOAK_REQUESTS=10000 for the long run.
int SoakRequests() {
  const char* value = std::getenv("VIDMUSE_SOAK_REQUESTS");
  return value != nullptr ? std::atoi(value) : kSanitized ? 120 : 600;
}

// Makes one call that leaves at a random stage.
void CallAndLeave(v1::MusicService::Stub& stub, const std::string& video, std::mt19937& random) {
  const auto below = [&](unsigned n) { return random() % n; };
  grpc::ClientContext context;
  const unsigned stage = below(8);
  // In stage 0 a deadline ends the call at a random time. In the others the client leaves after
  // having sent or received a certain part.
  if (stage == 0)
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(below(300)));
  auto stream = stub.GenerateMusic(&context);
  v1::GenerateMusicRequest request;
  request.mutable_config()->set_loudness(below(2) == 0 ? v1::LOUDNESS_NONE
                                                       : v1::LOUDNESS_REFERENCE);
  request.mutable_config()->set_max_chunk_seconds(0.1);
  request.mutable_config()->set_return_tokens(true);
  bool open = stream->Write(request);
  const size_t upload = stage == 1 ? 0 : stage == 2 ? below(video.size()) : video.size();
  for (size_t sent = 0; open && sent < upload; sent += 32768) {
    request.set_video_chunk(video.substr(sent, std::min<size_t>(32768, upload - sent)));
    open = stream->Write(request);
  }
  if (stage == 0 || stage >= 3) stream->WritesDone();
  const unsigned reads = stage == 0 ? 1000 : stage >= 4 ? below(12) : 0;
  v1::GenerateMusicResponse response;
  for (unsigned i = 0; i < reads && stream->Read(&response); ++i) {
  }
  context.TryCancel();
  stream->Finish();
}

TEST(CancelE2eTest, ClientsThatLeaveGiveEverythingBack) {
  auto server = ServerProcess::Start({"--max_queued_requests", "100"});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string video = ReadFile(GoldenVideo("pattern_4s"));
  const auto run = [&](int count, unsigned seed) {
    std::atomic<int> left = count;
    std::vector<std::thread> clients;
    for (unsigned i = 0; i < 6; ++i) {
      clients.emplace_back([&, i] {
        auto stub = v1::MusicService::NewStub(
            grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
        std::mt19937 random(seed + i);
        while (left-- > 0) CallAndLeave(*stub, video, random);
      });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_running", "", 0), absl::OkStatus());
    EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_waiting", "", 0), absl::OkStatus());
    EXPECT_EQ((*server)->WaitForMetric("vidmuse_kv_cache_usage_ratio", "", 0), absl::OkStatus());
  };
  const int requests = SoakRequests();
  run(requests / 3, 1);
  const double before = ResidentMegabytes((*server)->pid());
  run(requests - requests / 3, 100);
  const double after = ResidentMegabytes((*server)->pid());
  std::printf(
      "%d requests left; resident memory %.0f MB after a third of them, %.0f MB after all\n",
      requests, before, after);
  if (!kSanitized) {
    EXPECT_LT(after, before * 1.15 + 30);
  }

  const RunResult result = Generate(**server, GoldenVideo("pattern_4s"), TempFile("after.wav"), {});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
