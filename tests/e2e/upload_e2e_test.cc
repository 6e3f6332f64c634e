// Uploads that are read while they come in.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/e2e/harness.h"
#include "tests/support/wait_until.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

constexpr char kDecodedEarly[] = "vidmuse_videos_decoded_early_total";

// The golden video with another container.
std::string Remuxed(const std::string& name, const std::vector<std::string>& options) {
  const std::string path = TempFile(name);
  std::vector<std::string> args = {"/usr/bin/env", "ffmpeg", "-nostdin", "-loglevel",
                                   "error",        "-y",     "-i",       GoldenVideo("life_7s"),
                                   "-c",           "copy"};
  args.insert(args.end(), options.begin(), options.end());
  args.push_back(path);
  const RunResult result = RunProgram(args);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return ReadFile(path);
}

// One call that the test takes step by step.
class Call {
 public:
  Call(const ServerProcess& server, const std::function<void(v1::GenerateMusicConfig*)>& change)
      : stub_(v1::MusicService::NewStub(
            grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience * std::chrono::seconds(120));
    stream_ = stub_->GenerateMusic(&context_);
    v1::GenerateMusicRequest request;
    request.mutable_config()->mutable_sampling()->set_seed(7);
    request.mutable_config()->set_return_tokens(true);
    change(request.mutable_config());
    EXPECT_TRUE(stream_->Write(request));
  }

  void Send(absl::string_view video, size_t chunk) {
    v1::GenerateMusicRequest request;
    for (; !video.empty(); video.remove_prefix(std::min(chunk, video.size()))) {
      request.set_video_chunk(std::string(video.substr(0, chunk)));
      EXPECT_TRUE(stream_->Write(request));
    }
  }
  void Cancel() { context_.TryCancel(); }

  // Ends the upload and reads the song: its audio, then its tokens.
  grpc::Status Finish(std::string* song) {
    stream_->WritesDone();
    std::string tokens;
    v1::GenerateMusicResponse response;
    while (stream_->Read(&response)) {
      song->append(response.chunk().data());
      tokens.append(response.chunk().tokens());
    }
    song->append(tokens);
    return stream_->Finish();
  }

 private:
  const std::unique_ptr<v1::MusicService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>>
      stream_;
};

void Plain(v1::GenerateMusicConfig*) {}

class UploadE2eTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = ServerProcess::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(UploadE2eTest, SongsOfSlowUploadsAreThoseOfUploadsAtOnce) {
  int early = 0;
  for (const auto& [name, options] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"in_front.mp4", {"-movflags", "faststart"}},
           {"fragmented.mp4", {"-movflags", "frag_keyframe+empty_moov"}},
           {"a.mkv", {}},
           {"a.ts", {}}}) {
    SCOPED_TRACE(name);
    const std::string video = Remuxed(name, options);
    std::string at_once, slow;
    {
      Call call(*server_, Plain);
      call.Send(video, video.size());
      ASSERT_TRUE(call.Finish(&at_once).ok());
    }
    Call call(*server_, Plain);
    call.Send(absl::string_view(video).substr(0, video.size() - 1000), 3000);
    // Nothing more comes until frames were decoded.
    EXPECT_EQ(server_->WaitForMetric(kDecodedEarly, "", ++early), absl::OkStatus());
    call.Send(absl::string_view(video).substr(video.size() - 1000), 77);
    const grpc::Status status = call.Finish(&slow);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_FALSE(slow.empty());
    EXPECT_TRUE(slow == at_once);
  }
  EXPECT_EQ(server_->Stop(), absl::OkStatus());
}

TEST_F(UploadE2eTest, LeavingAndWrongSizesInTheMiddleFreeEverything) {
  const std::string video = Remuxed("in_front.mp4", {"-movflags", "faststart"});
  const absl::string_view most = absl::string_view(video).substr(0, video.size() - 1000);
  std::string none;
  {
    Call call(*server_, Plain);
    call.Send(most, 3000);
    EXPECT_EQ(server_->WaitForMetric(kDecodedEarly, "", 1), absl::OkStatus());
    call.Cancel();
    EXPECT_EQ(call.Finish(&none).error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(server_->WaitForMetric("vidmuse_requests_waiting", "", 0), absl::OkStatus());
  for (const int64_t wrong : {-1000, +1}) {
    Call call(*server_, [&](v1::GenerateMusicConfig* config) {
      config->set_video_bytes(video.size() + static_cast<uint64_t>(wrong));
    });
    call.Send(video, 3000);
    const grpc::Status status = call.Finish(&none);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), testing::HasSubstr("video_bytes declared"));
  }
  EXPECT_EQ(none, "");
  // No decoder is left behind: the last one may end a little after its call.
  EXPECT_TRUE(WaitUntil([&] {
    return RunProgram({"/usr/bin/env", "pgrep", "-P", absl::StrCat(server_->pid())}).output.empty();
  }));
  EXPECT_EQ(server_->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
