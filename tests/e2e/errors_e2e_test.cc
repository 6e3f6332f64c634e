// Every kind of bad input must get the documented status, and the server must go on serving.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/e2e/harness.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using v1::GenerateMusicConfig;
using v1::GenerateMusicRequest;

class ErrorsE2eTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server =
        ServerProcess::Start({"--max_video_bytes", "1000000", "--max_video_seconds", "60"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  }
  static void TearDownTestSuite() {
    if (server_ != nullptr) {
      EXPECT_EQ(server_->Stop(), absl::OkStatus());
    }
    server_.reset();
    channel_.reset();
  }
  void SetUp() override { ASSERT_TRUE(server_ != nullptr); }
  // Whatever a test has sent, the server must serve the next request.
  void TearDown() override {
    if (server_ == nullptr) return;
    const RunResult result =
        Generate(*server_, GoldenVideo("pattern_4s"), TempFile("after.wav"), {"--duration", "1"});
    EXPECT_EQ(result.exit_code, 0) << result.error << server_->log();
  }

  // Sends exactly these messages in a call and returns its status.
  static grpc::Status Send(const std::vector<GenerateMusicRequest>& requests) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience * std::chrono::seconds(60));
    auto stub = v1::MusicService::NewStub(channel_);
    auto stream = stub->GenerateMusic(&context);
    for (const GenerateMusicRequest& request : requests) {
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
    v1::GenerateMusicResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
  static GenerateMusicRequest Config(const std::function<void(GenerateMusicConfig*)>& change) {
    GenerateMusicRequest request;
    change(request.mutable_config());
    return request;
  }
  static GenerateMusicRequest Chunk(std::string bytes) {
    GenerateMusicRequest request;
    request.set_video_chunk(std::move(bytes));
    return request;
  }
  static std::string Video() { return ReadFile(GoldenVideo("pattern_4s")); }

  // Expects the command-line program to fail on `video` with INVALID_ARGUMENT and `message`.
  static void ExpectRefused(const std::string& video, const char* message) {
    const std::string output = TempFile("refused.wav");
    const RunResult result = Generate(*server_, video, output, {});
    EXPECT_EQ(result.exit_code, 1) << video;
    EXPECT_THAT(result.error, HasSubstr("INVALID_ARGUMENT")) << video;
    EXPECT_THAT(result.error, HasSubstr(message)) << video;
    EXPECT_EQ(ReadFile(output), "");
  }
  static std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(TempFile(name), std::ios::binary) << bytes;
    return TempFile(name);
  }

  static std::unique_ptr<ServerProcess> server_;
  static std::shared_ptr<grpc::Channel> channel_;
};

std::unique_ptr<ServerProcess> ErrorsE2eTest::server_;
std::shared_ptr<grpc::Channel> ErrorsE2eTest::channel_;

TEST_F(ErrorsE2eTest, WhatIsNoVideo) {
  ExpectRefused(Write("text.mp4", "This is not a video, however long one reads it.\n"), "");
  ExpectRefused(Write("zeros.mp4", std::string(100'000, '\0')), "");
  ExpectRefused(Write("empty.mp4", ""), "");
  ExpectRefused(Write("cut.mp4", Video().substr(0, 40'000)), "");
  ExpectRefused(DataPath("e2e/audio_only.mp4"), "video");
}

TEST_F(ErrorsE2eTest, TooShortTooLongTooLarge) {
  ExpectRefused(DataPath("e2e/half_second.mp4"), "");
  ExpectRefused(GoldenVideo("zoom_63s"), "60");
  ExpectRefused(Write("large.mp4", std::string(1'000'001, 'x')), "1000000");
}

TEST_F(ErrorsE2eTest, ALimitIsAlsoKeptWhereNothingWasDeclared) {
  std::vector<GenerateMusicRequest> requests = {Config([](GenerateMusicConfig*) {})};
  for (int i = 0; i < 11; ++i) requests.push_back(Chunk(std::string(100'000, 'x')));
  const grpc::Status status = Send(requests);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("1000000"));
}

TEST_F(ErrorsE2eTest, DeclaredSizesAreRefusedBeforeTheUpload) {
  const grpc::Status bytes =
      Send({Config([](GenerateMusicConfig* config) { config->set_video_bytes(1'000'001); })});
  EXPECT_EQ(bytes.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bytes.error_message(), HasSubstr("1000001"));
  const grpc::Status seconds =
      Send({Config([](GenerateMusicConfig* config) { config->set_video_seconds(61); })});
  EXPECT_EQ(seconds.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(seconds.error_message(), HasSubstr("61"));
}

TEST_F(ErrorsE2eTest, OptionsOutOfRange) {
  const double nan = std::nan("");
  const std::vector<std::function<void(GenerateMusicConfig*)>> changes = {
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_temperature(-0.1f); },
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_temperature(10.1f); },
      [&](GenerateMusicConfig* c) { c->mutable_sampling()->set_temperature(nan); },
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_top_k(65537); },
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_top_p(1.1f); },
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_top_p(-0.1f); },
      [](GenerateMusicConfig* c) { c->mutable_sampling()->set_cfg_coef(20.5f); },
      [&](GenerateMusicConfig* c) { c->mutable_sampling()->set_cfg_coef(nan); },
      [](GenerateMusicConfig* c) { c->set_max_duration_seconds(0); },
      [](GenerateMusicConfig* c) { c->set_max_duration_seconds(-1); },
      [&](GenerateMusicConfig* c) { c->set_max_duration_seconds(nan); },
      [](GenerateMusicConfig* c) { c->set_max_chunk_seconds(0.01); },
      [](GenerateMusicConfig* c) { c->set_max_chunk_seconds(31); },
      [](GenerateMusicConfig* c) { c->set_format(static_cast<v1::AudioFormat>(99)); },
      [](GenerateMusicConfig* c) { c->set_loudness(static_cast<v1::Loudness>(99)); },
      [](GenerateMusicConfig* c) { c->mutable_resume()->set_tokens("odd"); },
      [](GenerateMusicConfig* c) { c->mutable_resume()->set_tokens(std::string(8, '\xff')); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const grpc::Status status = Send({Config(changes[i]), Chunk(Video())});
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT)
        << i << ": " << status.error_message();
    EXPECT_NE(status.error_message(), "");
  }
}

TEST_F(ErrorsE2eTest, MoreResumeTokensThanTheSongHas) {
  const grpc::Status status =
      Send({Config([](GenerateMusicConfig* config) {
              config->mutable_resume()->set_tokens(std::string(201 * 8, '\0'));
            }),
            Chunk(Video())});
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
}

TEST_F(ErrorsE2eTest, MessagesOutOfOrder) {
  const GenerateMusicRequest config = Config([](GenerateMusicConfig*) {});
  const std::vector<std::vector<GenerateMusicRequest>> calls = {
      {Chunk(Video())},                  // a chunk before the config
      {config, config, Chunk(Video())},  // a second config
      {config, Chunk(Video()), config},
      {GenerateMusicRequest()},  // a message without config or chunk
      {},                        // no message at all
      {config},                  // no video
  };
  for (size_t i = 0; i < calls.size(); ++i) {
    const grpc::Status status = Send(calls[i]);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT)
        << i << ": " << status.error_message();
  }
}

TEST_F(ErrorsE2eTest, ADeadlineThatIsTooShort) {
  const RunResult result =
      Generate(*server_, GoldenVideo("life_7s"), TempFile("late.wav"), {"--deadline", "0.01"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("DEADLINE_EXCEEDED"));
}

TEST_F(ErrorsE2eTest, AClientThatGoesAwayFreesItsPlace) {
  const auto server = ServerProcess::Start();  // a new one, so that its metrics show only this call
  ASSERT_TRUE(server.ok()) << server.status();
  {
    grpc::ClientContext context;
    auto stub = v1::MusicService::NewStub(
        grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
    auto stream = stub->GenerateMusic(&context);
    stream->Write(Config([](GenerateMusicConfig* config) {
      config->set_loudness(v1::LOUDNESS_NONE);
      config->set_format(v1::AUDIO_FORMAT_PCM_F32LE);  // 8 MB, more than the server buffers
    }));
    stream->Write(Chunk(ReadFile(GoldenVideo("zoom_63s"))));
    stream->WritesDone();
    v1::GenerateMusicResponse response;
    while (stream->Read(&response) && !response.has_chunk()) {
    }
    EXPECT_TRUE(response.has_chunk());
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
  EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_total", "code=\"CANCELLED\"", 1),
            absl::OkStatus());
  EXPECT_EQ((*server)->WaitForMetric("vidmuse_requests_running", "", 0), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
