// The call whose video comes in one message: the same answers, the same errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/server/service_fixture.h"

namespace vidmuse {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;

class GenerateFromVideoTest : public ServiceFixture {
 protected:
  struct Answer {
    std::vector<v1::GenerateMusicResponse> responses;
    grpc::Status status;
  };

  Answer Call(const v1::GenerateMusicFromVideoRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const auto reader = stub_->GenerateMusicFromVideo(&context, request);
    Answer answer;
    v1::GenerateMusicResponse response;
    while (reader->Read(&response)) answer.responses.push_back(response);
    answer.status = reader->Finish();
    return answer;
  }

  static v1::GenerateMusicFromVideoRequest Request(const std::string& video) {
    v1::GenerateMusicFromVideoRequest request;
    request.set_video(video);
    return request;
  }
};

TEST_F(GenerateFromVideoTest, AnswersAsAStreamedCallDoes) {
  StartServer();
  generator_.SetScript(Song(5));
  const std::string video(100'000, 'v');
  v1::GenerateMusicFromVideoRequest request = Request(video);
  request.mutable_config()->mutable_sampling()->set_seed(9);
  const Answer whole = Call(request);
  EXPECT_TRUE(whole.status.ok()) << whole.status.error_message();
  ASSERT_EQ(whole.responses.size(), 7u);
  const auto submitted = generator_.WaitForRequest(0);
  EXPECT_EQ(submitted->video(), video);
  EXPECT_TRUE(submitted->finished_video());
  EXPECT_EQ(submitted->request().sampling.seed, 9u);
  EXPECT_EQ(submitted->request().declared_bytes, video.size());
  EXPECT_TRUE(submitted->WaitForDestruction());

  ClientCall streamed(stub_.get());
  streamed.Send(request.config());
  streamed.Send(video);
  streamed.Complete();
  for (const v1::GenerateMusicResponse& response : whole.responses) {
    const auto other = streamed.Receive();
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->SerializeAsString(), response.SerializeAsString());
  }
  EXPECT_TRUE(streamed.Finish().ok());
}

TEST_F(GenerateFromVideoTest, FailsAsAStreamedCallDoes) {
  StartServer();
  Answer answer = Call(Request(""));
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("without a video_chunk"));

  v1::GenerateMusicFromVideoRequest request = Request("video");
  request.mutable_config()->mutable_sampling()->set_temperature(11);
  answer = Call(request);
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("sampling.temperature"));

  request = Request("video");
  request.mutable_config()->set_video_bytes(6);
  answer = Call(request);
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("video_bytes declared 6"));

  generator_.SetScript({absl::ResourceExhaustedError("no memory")});
  answer = Call(Request("video"));
  EXPECT_EQ(answer.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GenerateFromVideoTest, CancelReachesTheGenerator) {
  StartServer();
  grpc::ClientContext context;
  const auto reader = stub_->GenerateMusicFromVideo(&context, Request("video"));
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForFinishedVideo());
  context.TryCancel();
  EXPECT_TRUE(request->WaitForDestruction());
  EXPECT_EQ(request->cancelled().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(reader->Finish().error_code(), StatusCode::CANCELLED);
}

}  // namespace
}  // namespace vidmuse
