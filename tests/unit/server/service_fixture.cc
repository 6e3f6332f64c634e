#include "tests/unit/server/service_fixture.h"

#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace vidmuse {
namespace {

std::string Find(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                 const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return "";
  return std::string(found->second.data(), found->second.size());
}

}  // namespace

ClientCall::ClientCall(v1::MusicService::Stub* stub, std::optional<absl::Duration> timeout,
                       const std::string& request_id) {
  if (timeout) context.set_deadline(absl::ToChronoTime(absl::Now() + *timeout));
  if (!request_id.empty()) context.AddMetadata("x-request-id", request_id);
  stream = stub->GenerateMusic(&context);
}

bool ClientCall::Send(const v1::GenerateMusicConfig& config) {
  v1::GenerateMusicRequest request;
  *request.mutable_config() = config;
  return stream->Write(request);
}

bool ClientCall::Send(const std::string& video_chunk) {
  v1::GenerateMusicRequest request;
  request.set_video_chunk(video_chunk);
  return stream->Write(request);
}

void ClientCall::Upload(const std::string& video) {
  Send();
  Send(video);
  Complete();
}

std::optional<v1::GenerateMusicResponse> ClientCall::Receive() {
  v1::GenerateMusicResponse response;
  if (!stream->Read(&response)) return std::nullopt;
  return response;
}

grpc::Status ClientCall::Finish() {
  while (Receive()) {
  }
  return stream->Finish();
}

std::string ClientCall::InitialMetadata(const std::string& key) {
  return Find(context.GetServerInitialMetadata(), key);
}

std::string ClientCall::TrailingMetadata(const std::string& key) {
  return Find(context.GetServerTrailingMetadata(), key);
}

std::vector<absl::StatusOr<StreamEvent>> Song(int chunks, size_t bytes) {
  std::vector<absl::StatusOr<StreamEvent>> events;
  GenerationStarted started;
  started.model = "fake";
  started.seeds = {0};
  started.total_samples = chunks * 640;
  started.total_frames = chunks;
  events.push_back(started);
  for (int i = 0; i < chunks; ++i) {
    AudioChunk chunk;
    chunk.data = std::string(bytes, static_cast<char>('a' + i % 26));
    chunk.first_sample = i * 640;
    chunk.num_samples = 640;
    events.push_back(chunk);
  }
  GenerationFinished finished;
  finished.loudness_lufs = {0};
  finished.total_samples = chunks * 640;
  finished.total_frames = chunks;
  events.push_back(finished);
  return events;
}

ServiceFixture::ServiceFixture() {
  options_.listen = "127.0.0.1:0";
  options_.metrics_listen = "";
  metrics_.Describe(generator_.model_info(), "1.2.3");
}

ServiceFixture::~ServiceFixture() = default;

void ServiceFixture::StartServer() {
  auto server = Server::Start(options_, &generator_, &metrics_, log_writer_, &clock_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  stub_ = v1::MusicService::NewStub(NewChannel());
}

std::shared_ptr<grpc::Channel> ServiceFixture::NewChannel(
    const grpc::ChannelArguments& arguments) const {
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials(), arguments);
}

std::string ServiceFixture::MetricsText() const {
  return prometheus::TextSerializer().Serialize(metrics_.registry()->Collect());
}

}  // namespace vidmuse
