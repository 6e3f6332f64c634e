// API keys: what they guard, how they are sent, files that change, and that no key is ever logged.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/unit/server/security_fixture.h"

namespace vidmuse {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;

// SHA-256 of the keys, as `printf %s KEY | sha256sum` prints them.
constexpr char kKey[] = "sesame-open-0001";
constexpr char kHash[] = "893962031749f5482c8dac437b3342492919ad952be61608d01e2a5cbfce7606";
constexpr char kOtherKey[] = "sesame-open-0002";
constexpr char kOtherHash[] = "8a0fc68ed13a4144a2b593cbcde0c5cb7ca979a6f7744269e131d7d42f8ce6fb";

TEST(ParseApiKeysTest, HashesNamesAndComments) {
  const std::string hash(64, 'A');
  const auto keys = ParseApiKeys("# keys\n" + hash + "\n\n" + hash + "  -\n" + hash +
                                 "\tteam.one_2-x # a comment\r\n");
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 3u);
  EXPECT_EQ((*keys)[0].name, "aaaaaaaa");
  EXPECT_EQ((*keys)[1].name, "aaaaaaaa");
  EXPECT_EQ((*keys)[2].name, "team.one_2-x");
  EXPECT_EQ((*keys)[0].hash[31], 0xaa);
}

TEST(ParseApiKeysTest, ErrorsNameTheLineAndNotWhatIsInIt) {
  const std::string hash(64, 'a');
  for (const std::string& line :
       {std::string("plainkey"), hash.substr(1), hash + "a", absl::StrCat("g", hash.substr(1)),
        hash + " two names", hash + " plain/key", hash + " " + std::string(65, 'n')}) {
    const auto keys = ParseApiKeys(hash + "\n" + line);
    ASSERT_FALSE(keys.ok()) << line;
    EXPECT_THAT(std::string(keys.status().message()), HasSubstr("line 2: ")) << line;
    EXPECT_THAT(std::string(keys.status().message()), Not(HasSubstr("plain"))) << line;
  }
  for (const char* text : {"", "\n", "# nothing\n"}) EXPECT_TRUE(ParseApiKeys(text)->empty());
}

class ApiKeysTest : public SecurityFixture {
 protected:
  ApiKeysTest() {
    options_.api_keys_file = Path("keys");
    Write(options_.api_keys_file, std::string("# one\n") + kHash + " first\n");
  }

  grpc::Status AskPlain(const std::string& key = "", const std::string& value = "") {
    return Ask(Connect(grpc::InsecureChannelCredentials()), key, value);
  }

  // A bidirectional call of any method, with nothing sent but headers.
  grpc::Status Open(const std::string& method, const std::string& key) {
    grpc::GenericStub stub(Connect(grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(2)));
    if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    return status;
  }
};

TEST_F(ApiKeysTest, RefusedBeforeAnythingIsRead) {
  StartServer();
  ClientCall silent(stub_.get());  // sends nothing at all
  const grpc::Status status = silent.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(status.error_message(), HasSubstr("an API key is needed"));
  ClientCall eager(stub_.get());
  eager.Upload();
  EXPECT_EQ(eager.Finish().error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(generator_.submissions(), 0);
  EXPECT_THAT(MetricsText(), HasSubstr("code=\"UNAUTHENTICATED\",reason=\"credentials\"} 2\n"));
}

TEST_F(ApiKeysTest, EveryMethodButHealthNeedsAKey) {
  StartServer();
  std::vector<std::string> methods = {
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/no.Such/Method",
      "/grpc.health.v1.Health2/Check"};
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      v1::MusicService::service_full_name());
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    methods.push_back(absl::StrCat("/", service->full_name(), "/", service->method(i)->name()));
  }
  for (const std::string& method : methods) {
    for (const char* key : {"", kOtherKey}) {
      EXPECT_EQ(Open(method, key).error_code(), StatusCode::UNAUTHENTICATED) << method;
    }
    EXPECT_NE(Open(method, kKey).error_code(), StatusCode::UNAUTHENTICATED) << method;
  }

  const auto health = grpc::health::v1::Health::NewStub(NewChannel());
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_TRUE(health->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(ApiKeysTest, WaysToSendAKey) {
  StartServer();
  const std::string key = kKey;
  EXPECT_TRUE(AskPlain("authorization", "Bearer " + key).ok());
  EXPECT_TRUE(AskPlain("authorization", "bearer  " + key).ok());
  EXPECT_TRUE(AskPlain("x-api-key", key).ok());
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"authorization", key},
           {"authorization", "Basic " + key},
           {"authorization", "Bearer"},
           {"authorization", "Bearer "},
           {"authorization", "Bearer " + key + "x"},
           {"authorization", "Bearer " + key.substr(1)},
           {"authorization", std::string("Bearer ") + kHash},
           {"x-api-key", ""},
           {"x-api-key", kOtherKey},
           {"x-api-key", kHash},
           {"x-other", key}}) {
    EXPECT_EQ(AskPlain(name, value).error_code(), StatusCode::UNAUTHENTICATED)
        << name << ": " << value;
  }
}

TEST_F(ApiKeysTest, LogsNameTheKeyAndNeverHoldIt) {
  StartServer();
  generator_.SetScript(Song(1));
  for (const char* key : {kKey, kOtherKey}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", std::string("Bearer ") + key);
    const auto stream = stub_->GenerateMusic(&context);
    v1::GenerateMusicRequest request;
    request.mutable_config();
    stream->Write(request);
    request.set_video_chunk("video");
    stream->Write(request);
    stream->WritesDone();
    v1::GenerateMusicResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().ok(), key == kKey);
  }
  const std::string log = Log();
  EXPECT_EQ(Count(log, "\"event\":\"request\""), 2) << log;
  EXPECT_EQ(Count(log, "\"api_key\":\"first\""), 1) << log;
  EXPECT_EQ(Count(log, "\"status\":\"UNAUTHENTICATED\""), 1) << log;
  EXPECT_THAT(log, Not(HasSubstr("sesame")));
  EXPECT_THAT(log, Not(HasSubstr(kHash)));
}

// The keys alone, and what they log.
class ReloadTest : public ApiKeysTest {
 protected:
  void SetUp() override {
    auto keys = ApiKeys::Open(options_.api_keys_file, std::make_shared<RequestLog>(log_writer_));
    ASSERT_TRUE(keys.ok()) << keys.status();
    keys_ = *std::move(keys);
  }

  bool Accepts(const char* key) { return keys_->Authenticate("", key).ok(); }

  // Calls come in till one of them has made the log say `part`, `count` times in all.
  bool WaitForLog(const std::string& part, int count) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (Count(ServiceFixture::Log(), part) < count) {
      if (absl::Now() > deadline) return false;
      Accepts("anything");
      absl::SleepFor(absl::Milliseconds(10));
    }
    return true;
  }

  std::unique_ptr<ApiKeys> keys_;
};

TEST_F(ReloadTest, AChangedFileIsReadAgain) {
  EXPECT_TRUE(Accepts(kKey));
  EXPECT_FALSE(Accepts(kOtherKey));
  Write(options_.api_keys_file, std::string(kOtherHash) + "\n");
  ASSERT_TRUE(WaitForLog("1 keys read", 1)) << ServiceFixture::Log();
  EXPECT_FALSE(Accepts(kKey));
  EXPECT_EQ(keys_->Authenticate("", kOtherKey).value(), "8a0fc68e");
  Write(Path("new"), std::string(kOtherHash) + "\n" + kHash + "\n");
  std::filesystem::rename(Path("new"), options_.api_keys_file);
  ASSERT_TRUE(WaitForLog("2 keys read", 1)) << ServiceFixture::Log();
  EXPECT_TRUE(Accepts(kKey));
  EXPECT_TRUE(Accepts(kOtherKey));
}

TEST_F(ReloadTest, ADamagedFileLeavesTheOldKeys) {
  Write(options_.api_keys_file, std::string(kOtherHash) + "\nsesame-open-0003\n");
  ASSERT_TRUE(WaitForLog("the old keys stay", 1));
  std::filesystem::remove(options_.api_keys_file);
  ASSERT_TRUE(WaitForLog("the old keys stay", 2));
  EXPECT_TRUE(Accepts(kKey));
  EXPECT_FALSE(Accepts(kOtherKey));
  Write(options_.api_keys_file, std::string(kOtherHash) + "\n");
  ASSERT_TRUE(WaitForLog("keys read", 1));
  EXPECT_EQ(Count(ServiceFixture::Log(), "the old keys stay"), 2)
      << ServiceFixture::Log();  // once each
  EXPECT_TRUE(Accepts(kOtherKey));
  // A key that somebody forgot to hash stays secret too.
  EXPECT_THAT(ServiceFixture::Log(), Not(HasSubstr("sesame")));
}

TEST_F(ReloadTest, AnEmptyFileRevokesAllKeys) {
  EXPECT_TRUE(Accepts(kKey));
  Write(options_.api_keys_file, "# all of them left\n");
  ASSERT_TRUE(WaitForLog("no key in it: nobody may call", 1));
  EXPECT_THAT(ServiceFixture::Log(), HasSubstr("\"severity\":\"error\""));
  EXPECT_FALSE(Accepts(kKey));
  Write(options_.api_keys_file, std::string(kOtherHash) + "\n");
  ASSERT_TRUE(WaitForLog("1 keys read", 1));
  EXPECT_TRUE(Accepts(kOtherKey));
}

TEST_F(ApiKeysTest, AServerMayStartWithoutAnyKey) {
  Write(options_.api_keys_file, "");
  StartServer();
  EXPECT_EQ(AskPlain("x-api-key", kKey).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(Log(), HasSubstr("no key in it: nobody may call"));
}

TEST_F(ApiKeysTest, KeysInPlainTextOverTheNetworkAreWarnedOf) {
  constexpr char kWarning[] = "in plain text";
  StartServer();
  EXPECT_THAT(ServiceFixture::Log(), Not(HasSubstr(kWarning)));
  options_.listen = "0.0.0.0:0";
  StartServer();
  EXPECT_THAT(ServiceFixture::Log(), HasSubstr(kWarning));
}

// A call with a key.
class KeyedCall {
 public:
  KeyedCall(v1::MusicService::Stub* stub, const std::string& key) {
    context_.AddMetadata("x-api-key", key);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    stream_ = stub->GenerateMusic(&context_);
  }

  // True once the server has let it in.
  bool Admit() {
    v1::GenerateMusicRequest request;
    request.mutable_config();
    if (!stream_->Write(request)) return false;
    stream_->WaitForInitialMetadata();
    return context_.GetServerInitialMetadata().count("x-request-id") == 1;
  }
  void Upload() {
    v1::GenerateMusicRequest request;
    request.set_video_chunk("video");
    stream_->Write(request);
    stream_->WritesDone();
  }
  grpc::Status Finish() {
    v1::GenerateMusicResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }
  bool has_pushback() const {
    return context_.GetServerTrailingMetadata().count("grpc-retry-pushback-ms") == 1;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>>
      stream_;
};

TEST_F(ApiKeysTest, OneKeyMayHoldHalfOfTheUploadSlots) {
  // Two keys of one client, and one of another's.
  Write(options_.api_keys_file, absl::StrCat(kHash, " first\n", kOtherHash, " second\n"));
  options_.max_concurrent_uploads = 4;
  StartServer();
  std::vector<std::unique_ptr<KeyedCall>> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(std::make_unique<KeyedCall>(stub_.get(), kKey));
    ASSERT_TRUE(silent.back()->Admit());
  }
  KeyedCall third(stub_.get(), kKey);
  const grpc::Status refused = third.Finish();
  EXPECT_EQ(refused.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("max_uploads_per_key: 2"));
  EXPECT_TRUE(third.has_pushback());
  KeyedCall other(stub_.get(), kOtherKey);
  EXPECT_TRUE(other.Admit());
  // An upload that is complete gives its slot back.
  silent.front()->Upload();
  ASSERT_TRUE(generator_.WaitForRequest(0)->WaitForFinishedVideo());
  KeyedCall fourth(stub_.get(), kKey);
  EXPECT_TRUE(fourth.Admit());
}

TEST_F(ApiKeysTest, OneKeyMayHaveSoManyRequests) {
  Write(options_.api_keys_file, absl::StrCat(kHash, " first\n", kOtherHash, " second\n"));
  options_.max_requests_per_key = 1;
  StartServer();
  KeyedCall first(stub_.get(), kKey);
  ASSERT_TRUE(first.Admit());
  first.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_TRUE(request->WaitForFinishedVideo());
  EXPECT_EQ(request->request().client_key, "first") << "it takes turns with other keys' requests";
  EXPECT_THAT(KeyedCall(stub_.get(), kKey).Finish().error_message(),
              HasSubstr("max_requests_per_key: 1"));
  KeyedCall other(stub_.get(), kOtherKey);
  EXPECT_TRUE(other.Admit());
  // The end of a request makes room.
  for (auto& event : Song(1)) request->Push(std::move(event));
  EXPECT_TRUE(first.Finish().ok());
  KeyedCall second(stub_.get(), kKey);
  EXPECT_TRUE(second.Admit());
}

TEST_F(ReloadTest, FilesThatAreNoGoodAreNamedAtTheStart) {
  Write(options_.api_keys_file, "sesame-open-0003\n");
  const absl::Status status = Server::Start(options_, &generator_, &metrics_, log_writer_).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("--api_keys_file: " + options_.api_keys_file + ": "));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sesame")));
  options_.api_keys_file = Path("missing");
  EXPECT_FALSE(Server::Start(options_, &generator_, &metrics_, log_writer_).ok());
}

}  // namespace
}  // namespace vidmuse
