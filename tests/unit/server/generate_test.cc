// Calls that go well: order, metadata, backpressure, many at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/unit/server/service_fixture.h"
#include "vidmuse/model_info.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GenerateTest : public ServiceFixture {};

TEST_F(GenerateTest, EventsComeInOrderAndFinishedIsLast) {
  StartServer();
  generator_.SetScript(Song(50));
  ClientCall call(stub_.get());
  call.Upload();
  auto response = call.Receive();
  ASSERT_TRUE(response.has_value());
  EXPECT_TRUE(response->has_started());
  EXPECT_EQ(response->started().total_frames(), 50u);
  for (uint64_t i = 0; i < 50; ++i) {
    response = call.Receive();
    ASSERT_TRUE(response && response->has_chunk());
    EXPECT_EQ(response->chunk().first_sample(), i * 640);
  }
  response = call.Receive();
  ASSERT_TRUE(response && response->has_finished());
  EXPECT_FALSE(call.Receive().has_value());
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_TRUE(generator_.WaitForRequest(0)->WaitForDestruction());
}

TEST_F(GenerateTest, SongsTooLongToBeResumedAreWarnedOf) {
  options_.max_message_bytes = 4096 + 400 * 600;
  StartServer();
  EXPECT_THAT(Log(), Not(HasSubstr("can't be resumed")));
  options_.max_message_bytes -= 1;
  StartServer();
  EXPECT_THAT(Log(), HasSubstr("after 599 s can't be resumed"));
}

TEST_F(GenerateTest, VideoArrivesWhole) {
  StartServer();
  ClientCall call(stub_.get());
  std::string video;
  ASSERT_TRUE(call.Send());
  for (int i = 0; i < 20; ++i) {
    const std::string chunk(1 + i * 10000, static_cast<char>('a' + i));
    ASSERT_TRUE(call.Send(chunk));
    video += chunk;
  }
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  EXPECT_TRUE(request->WaitForVideo(video.size()));
  EXPECT_FALSE(request->finished_video());
  call.Complete();
  EXPECT_TRUE(request->WaitForFinishedVideo());
  EXPECT_EQ(request->video(), video);
  request->Push(absl::UnknownError("enough"));
  EXPECT_EQ(call.Finish().error_message(), "enough");
}

TEST_F(GenerateTest, ConfigDeadlineAndRequestIdReachTheGenerator) {
  StartServer();
  ClientCall call(stub_.get(), absl::Seconds(25), "my-id");
  v1::GenerateMusicConfig config;
  config.mutable_sampling()->set_seed(9);
  call.Send(config);
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->request().sampling.seed, 9u);
  EXPECT_EQ(request->request().request_id, "my-id");
  EXPECT_GT(request->request().time_limit, absl::Seconds(5));
  EXPECT_LE(request->request().time_limit, absl::Seconds(26));  // sent rounded up

  ClientCall endless(stub_.get(), std::nullopt);
  endless.Send();
  const auto other = generator_.WaitForRequest(1);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->request().time_limit, absl::InfiniteDuration());
  EXPECT_EQ(other->request().request_id.size(), 32u);
}

TEST_F(GenerateTest, HeadersComeWithAdmission) {
  StartServer();
  ClientCall call(stub_.get(), absl::Seconds(30), "my-id");
  call.Send();
  call.stream->WaitForInitialMetadata();  // before any video is sent
  EXPECT_EQ(call.InitialMetadata("x-request-id"), "my-id");
}

TEST_F(GenerateTest, SlowReaderHoldsBackItsOwnStream) {
  StartServer();
  generator_.SetScript(Song(200, 1 << 20));
  ClientCall call(stub_.get());
  call.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForReads(2));
  EXPECT_FALSE(request->WaitForReads(20, absl::Milliseconds(500)));  // must not happen

  generator_.SetScript(Song(3));
  ClientCall other(stub_.get());
  other.Upload();
  EXPECT_TRUE(other.Finish().ok());
  EXPECT_LT(request->reads(), 20);

  int chunks = 0;
  while (const auto response = call.Receive()) chunks += response->has_chunk();
  EXPECT_EQ(chunks, 200);
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(GenerateTest, ManyCallsAtOnce) {
  StartServer();
  generator_.SetScript(Song(20, 1000));
  std::vector<std::thread> clients;
  std::atomic<int> finished = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        ClientCall call(stub_.get());
        call.Upload(std::string(10000, 'v'));
        bool last_is_finished = false;
        while (const auto response = call.Receive()) last_is_finished = response->has_finished();
        if (call.stream->Finish().ok() && last_is_finished) ++finished;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(finished, 80);
}

TEST_F(GenerateTest, EventsFromAnotherThreadArriveWhileTheVideoIsSent) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  std::thread pusher([&] {
    for (auto& event : Song(100)) request->Push(std::move(event));
  });
  for (int i = 0; i < 100; ++i) call.Send(std::string(1000, 'v'));
  pusher.join();
  EXPECT_TRUE(call.Finish().ok());
}

TEST_F(GenerateTest, FinishedRequestIsLogged) {
  StartServer();
  generator_.SetScript(Song(5, 10));
  {
    grpc::ClientContext context;
    context.AddMetadata("x-request-id", "logged");
    context.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const auto stream = stub_->GenerateMusic(&context);
    v1::GenerateMusicRequest request;
    request.mutable_config();
    ASSERT_TRUE(stream->Write(request));
    request.set_video_chunk("five5");
    stream->WriteLast(request, {});
    v1::GenerateMusicResponse response;
    while (stream->Read(&response)) {
    }
    ASSERT_TRUE(stream->Finish().ok());
  }
  server_.reset();
  const auto json = nlohmann::json::parse(Log());
  EXPECT_EQ(json["request_id"], "logged");
  EXPECT_EQ(json["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(json["span_id"], "00f067aa0ba902b7");
  EXPECT_EQ(json["client"].get<std::string>().substr(0, 15), "ipv4:127.0.0.1:");
  EXPECT_EQ(Log().find("five5"), std::string::npos);  // the video's bytes
  EXPECT_EQ(json["status"], "OK");
  EXPECT_EQ(json["video_bytes"], 5);
  EXPECT_EQ(json["frames"], 5);
  EXPECT_EQ(json["samples"], 5 * 640);
  EXPECT_EQ(json["audio_bytes"], 50);
  EXPECT_TRUE(json.contains("stages"));
}

TEST_F(GenerateTest, ModelInfo) {
  options_.max_message_bytes = 12345;
  StartServer();
  grpc::ClientContext context;
  v1::GetModelInfoResponse response;
  ASSERT_TRUE(stub_->GetModelInfo(&context, {}, &response).ok());
  EXPECT_EQ(response.name(), "fake");
  EXPECT_EQ(response.parameters(), 42u);
  EXPECT_EQ(response.limits().max_message_bytes(), 12345u);
  EXPECT_FALSE(response.server_version().empty());
}

}  // namespace
}  // namespace vidmuse
