// Tests the real programs with TLS and API keys.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/mutex.h"
#include "tests/e2e/harness.h"
#include "tests/support/certificates.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";
constexpr char kKey[] = "sesame-open-0001";
constexpr char kOtherKey[] = "sesame-open-0002";
constexpr char kOtherHash[] = "8a0fc68ed13a4144a2b593cbcde0c5cb7ca979a6f7744269e131d7d42f8ce6fb";
constexpr char kHash[] = "893962031749f5482c8dac437b3342492919ad952be61608d01e2a5cbfce7606";

class SecurityE2eTest : public ::testing::Test {
 protected:
  SecurityE2eTest() {
    std::ofstream(TempFile("hashes")) << kHash << " team\n";
    std::ofstream(TempFile("key")) << kKey << "\n";
    std::ofstream(TempFile("wrong_key")) << "sesame-open-0002\n";
  }

  void Start(const std::vector<std::string>& flags) {
    auto server = ServerProcess::Start(flags);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  RunResult Run(const std::string& command, std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {kClient, command, "--server", server_->address()});
    return RunProgram(flags);
  }

  std::unique_ptr<ServerProcess> server_;
};

TEST_F(SecurityE2eTest, MutualTls) {
  const std::string folder = TempFile("certificates");
  std::filesystem::create_directories(folder);
  const TestAuthority authority(folder, "authority");
  const CertificateFiles own = authority.Issue("server");
  const CertificateFiles client = authority.Issue("client");
  Start({"--tls_cert", own.cert, "--tls_key", own.key, "--tls_client_ca", authority.cert()});

  const std::vector<std::string> all = {"--tls",     "--tls_ca",  authority.cert(), "--tls_cert",
                                        client.cert, "--tls_key", client.key};
  const RunResult made = Generate(*server_, GoldenVideo("pattern_4s"), TempFile("tls.wav"), all);
  EXPECT_EQ(made.exit_code, 0) << made.error;
  EXPECT_EQ(Run("models", all).exit_code, 0);
  EXPECT_EQ(Run("health", all).exit_code, 0);
  for (const auto& [name, code] : {std::pair("liveness", 0), std::pair("nonesuch", 1)}) {
    std::vector<std::string> flags = all;
    flags.insert(flags.end(), {"--service", name});
    EXPECT_EQ(Run("health", flags).exit_code, code) << name;
  }
  EXPECT_EQ(Run("models", {"--tls", "--tls_ca", authority.cert()}).exit_code, 1);
  EXPECT_EQ(Run("models", {"--tls"}).exit_code, 1);
  EXPECT_EQ(Run("models", {}).exit_code, 1);
}

TEST_F(SecurityE2eTest, ApiKeys) {
  Start({"--api_keys_file", TempFile("hashes")});
  const std::string video = GoldenVideo("pattern_4s");
  const RunResult made =
      Generate(*server_, video, TempFile("k.wav"), {"--api_key_file", TempFile("key")});
  EXPECT_EQ(made.exit_code, 0) << made.error;
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, {"--api_key_file", TempFile("wrong_key")}}) {
    for (const RunResult& refused :
         {Generate(*server_, video, TempFile("n.wav"), flags), Run("models", flags)}) {
      EXPECT_EQ(refused.exit_code, 1);
      EXPECT_THAT(refused.error, HasSubstr("UNAUTHENTICATED"));
      EXPECT_THAT(refused.error, Not(HasSubstr("sesame")));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(TempFile("n.wav")));
  EXPECT_EQ(Run("health", {}).exit_code, 0);
  EXPECT_EQ(Run("models", {"--api_key_file", TempFile("nonesuch")}).exit_code, 1);

  setenv("VIDMUSE_API_KEY", kKey, 1);
  EXPECT_EQ(Run("models", {}).exit_code, 0);
  setenv("VIDMUSE_API_KEY", "two words", 1);
  EXPECT_THAT(Run("models", {}).error, HasSubstr("api_key has characters"));
  unsetenv("VIDMUSE_API_KEY");

  EXPECT_EQ(server_->Stop(), absl::OkStatus());
  EXPECT_THAT(server_->log(), HasSubstr("\"api_key\":\"team\""));
  EXPECT_THAT(server_->log(), HasSubstr("\"client\":\"ipv4:127.0.0.1:"));
  EXPECT_THAT(server_->log(), HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(server_->log(), Not(HasSubstr("sesame")));
  EXPECT_THAT(server_->log(), Not(HasSubstr(kHash)));
}

struct Call {
  Call(v1::MusicService::Stub* stub, const std::string& key) {
    context.AddMetadata("x-api-key", key);
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience * absl::Minutes(1)));
    stream = stub->GenerateMusic(&context);
  }
  grpc::Status Finish() {
    v1::GenerateMusicResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>>
      stream;
};

// One key makes as many calls as the server has slots for uploads.
TEST_F(SecurityE2eTest, AKeyThatTakesAllLeavesHalfToTheOthers) {
  std::ofstream(TempFile("two")) << kHash << " greedy\n" << kOtherHash << " other\n";
  Start({"--api_keys_file", TempFile("two")});
  const auto stub = v1::MusicService::NewStub(
      grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  Mutex mutex;
  int refused = 0, silent = 0;
  std::vector<std::thread> greedy;
  for (int i = 0; i < 64; ++i) {
    greedy.emplace_back([&] {  // a call that sends nothing
      Call call(stub.get(), kKey);
      const grpc::Status status = call.Finish();
      MutexLock lock(&mutex);
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
        EXPECT_THAT(status.error_message(), HasSubstr("max_uploads_per_key: 32"));
        EXPECT_EQ(call.context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
        ++refused;
      } else {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
        EXPECT_THAT(status.error_message(), HasSubstr("no message came within 10 s"));
        ++silent;
      }
    });
  }
  {
    MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitFor(kPatience * absl::Seconds(30), [&] { return refused == 32; }));
    EXPECT_EQ(silent, 0);
  }

  Call other(stub.get(), kOtherKey);
  v1::GenerateMusicRequest request;
  request.mutable_config()->set_max_duration_seconds(1);
  ASSERT_TRUE(other.stream->Write(request));
  request.set_video_chunk(ReadFile(GoldenVideo("pattern_4s")));
  ASSERT_TRUE(other.stream->Write(request));
  other.stream->WritesDone();
  const grpc::Status served = other.Finish();
  EXPECT_TRUE(served.ok()) << served.error_message();

  for (std::thread& caller : greedy) caller.join();
  EXPECT_EQ(silent, 32);
  EXPECT_EQ(server_->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
