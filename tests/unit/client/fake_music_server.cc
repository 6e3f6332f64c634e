#include "tests/unit/client/fake_music_server.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace vidmuse {
namespace {

constexpr uint64_t kLookahead = 2;
constexpr uint64_t kChunkFrames = 10;
constexpr uint64_t kFrameBytes = FakeSong::kSamplesPerFrame * 2;

std::string Bytes(uint64_t salt, uint64_t begin, uint64_t end) {
  std::string bytes;
  for (uint64_t i = begin; i < end; ++i) {
    bytes.push_back(static_cast<char>(((i + 1) * 0x9e3779b97f4a7c15 + salt) >> 56));
  }
  return bytes;
}

}  // namespace

std::string FakeSong::Tokens(uint64_t begin, uint64_t end) const {
  std::string tokens = Bytes(seed, begin * kCodebooks * 2, end * kCodebooks * 2);
  for (size_t i = 1; i < tokens.size(); i += 2) tokens[i] &= 7;  // below 2048
  return tokens;
}

std::string FakeSong::Audio(uint64_t begin, uint64_t end) const {
  return Bytes(seed + 1 + std::hash<std::string>()(fingerprint), begin * kFrameBytes,
               end * kFrameBytes);
}

v1::GenerateMusicResponse FakeSong::Started() const {
  v1::GenerateMusicResponse response;
  v1::GenerationStarted* started = response.mutable_started();
  started->set_request_id("r1");
  started->set_model("fake");
  started->set_sample_rate(32000);
  started->set_channels(1);
  started->set_format(format);
  started->set_fingerprint(fingerprint);
  if (sampling.ByteSizeLong() > 0) *started->mutable_sampling() = sampling;
  started->set_seed(seed);
  started->set_total_samples(frames * kSamplesPerFrame);
  started->set_total_frames(frames);
  started->set_codebooks(kCodebooks);
  return response;
}

v1::GenerateMusicResponse FakeSong::Chunk(uint64_t begin, uint64_t end) const {
  const uint64_t audio_begin = begin - std::min(begin, kLookahead);
  const uint64_t audio_end = end == frames ? end : end - std::min(end, kLookahead);
  v1::GenerateMusicResponse response;
  v1::AudioChunk* chunk = response.mutable_chunk();
  chunk->set_data(Audio(audio_begin, audio_end));
  chunk->set_first_sample(audio_begin * kSamplesPerFrame);
  chunk->set_num_samples((audio_end - audio_begin) * kSamplesPerFrame);
  chunk->set_tokens(Tokens(begin, end));
  chunk->set_first_frame(begin);
  return response;
}

v1::GenerateMusicResponse FakeSong::Finished() const {
  v1::GenerateMusicResponse response;
  response.mutable_finished()->set_total_samples(frames * kSamplesPerFrame);
  response.mutable_finished()->set_total_frames(frames);
  return response;
}

bool FakeSong::Send(FakeStream* stream, const v1::ResumeFrom& resume, uint64_t stop) const {
  if (!stream->Write(Started())) return false;
  uint64_t frame = resume.tokens().size() / (2 * kCodebooks);
  // The audio behind the resumed tokens, as far as it is not held.
  if (frame > 0) {
    v1::GenerateMusicResponse response = Chunk(0, frame);
    v1::AudioChunk* chunk = response.mutable_chunk();
    chunk->clear_tokens();
    chunk->mutable_data()->erase(0, resume.received_bytes());
    if (!stream->Write(response)) return false;
  }
  for (stop = std::min(stop, frames); frame < stop; frame += kChunkFrames) {
    if (!stream->Write(Chunk(frame, std::min(frame + kChunkFrames, stop)))) return false;
  }
  return stop < frames || stream->Write(Finished());
}

class FakeMusicServer::Service final : public v1::MusicService::Service {
 public:
  Service(std::vector<Script> scripts, int max_message_bytes)
      : scripts_(std::move(scripts)), max_message_bytes_(max_message_bytes) {}

  grpc::Status GenerateMusic(grpc::ServerContext* context, FakeStream* stream) override {
    v1::GenerateMusicRequest request;
    stream->Read(&request);
    Call call{request.config(), context, stream};
    size_t number;
    {
      MutexLock lock(&mutex_);
      number = configs_.size();
      configs_.push_back(call.config);
      metadata_.emplace_back();
      for (const auto& [key, value] : context->client_metadata()) {
        metadata_.back()[std::string(key.data(), key.size())] =
            std::string(value.data(), value.size());
      }
    }
    return scripts_[std::min(number, scripts_.size() - 1)](call);
  }

  grpc::Status GetModelInfo(grpc::ServerContext*, const v1::GetModelInfoRequest*,
                            v1::GetModelInfoResponse* response) override {
    response->set_name("fake");
    response->set_sample_rate(32000);
    response->mutable_limits()->set_max_message_bytes(max_message_bytes_);
    return grpc::Status::OK;
  }

  std::vector<v1::GenerateMusicConfig> configs() const {
    MutexLock lock(&mutex_);
    return configs_;
  }

  std::vector<std::string> metadata(const std::string& key) const {
    MutexLock lock(&mutex_);
    std::vector<std::string> values;
    for (const auto& call : metadata_) {
      const auto found = call.find(key);
      values.push_back(found == call.end() ? "" : found->second);
    }
    return values;
  }

 private:
  const std::vector<Script> scripts_;
  const int max_message_bytes_;
  mutable Mutex mutex_;
  std::vector<v1::GenerateMusicConfig> configs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::map<std::string, std::string>> metadata_ ABSL_GUARDED_BY(mutex_);
};

FakeMusicServer::FakeMusicServer(std::vector<Script> scripts, int max_message_bytes)
    : service_(std::make_unique<Service>(std::move(scripts), max_message_bytes)) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(service_.get());
  builder.SetMaxReceiveMessageSize(max_message_bytes);
  server_ = builder.BuildAndStart();
}

FakeMusicServer::~FakeMusicServer() { Stop(); }

std::string FakeMusicServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

void FakeMusicServer::Stop() { server_->Shutdown(absl::ToChronoTime(absl::Now())); }

std::vector<v1::GenerateMusicConfig> FakeMusicServer::configs() const {
  return service_->configs();
}

std::vector<std::string> FakeMusicServer::metadata(const std::string& key) const {
  return service_->metadata(key);
}

std::string ReadVideo(FakeMusicServer::Call& call) {
  std::string video;
  v1::GenerateMusicRequest request;
  while (call.stream->Read(&request)) video += request.video_chunk();
  return video;
}

FakeMusicServer::Script Sing(FakeSong song, uint64_t stop, grpc::Status status) {
  return [=](FakeMusicServer::Call& call) {
    ReadVideo(call);
    song.Send(call.stream, call.config.resume(), stop);
    return status;
  };
}

FakeMusicServer::Script SingChecked(FakeSong song, uint64_t stop, grpc::Status status) {
  return [=](FakeMusicServer::Call& call) {
    const std::string& wanted = call.config.resume().fingerprint();
    if (wanted.empty() || wanted == song.fingerprint) return Sing(song, stop, status)(call);
    call.context->AddTrailingMetadata("vidmuse-fingerprint", song.fingerprint);
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "another fingerprint");
  };
}

FakeMusicServer::Script Refuse(grpc::Status status, std::string pushback) {
  return [=](FakeMusicServer::Call& call) {
    if (!pushback.empty()) call.context->AddTrailingMetadata("grpc-retry-pushback-ms", pushback);
    return status;
  };
}

grpc::Status WaitForEnd(FakeMusicServer::Call& call) {
  // Reading on fails only when the call ends, once the client has half-closed.
  ReadVideo(call);
  while (!call.context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
  return grpc::Status(grpc::StatusCode::CANCELLED, "the call ended");
}

}  // namespace vidmuse
