#include "client/stream_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/wav_header.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr size_t kTokenBytes = 2;

template <typename T>
absl::Status CheckSame(absl::string_view what, const T& before, const T& now) {
  if (before == now) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the resumed stream has another ", what, ": ", now, ", it was ", before));
}

}  // namespace

void StreamState::BeginAttempt() {
  attempt_started_ = false;
  attempt_next_sample_.reset();
}

absl::Status StreamState::CheckSameSong(const v1::GenerationStarted& started) const {
  const v1::GenerationStarted& before = *started_;
  RETURN_IF_ERROR(CheckSame("total_samples", before.total_samples(), started.total_samples()));
  RETURN_IF_ERROR(CheckSame("total_frames", before.total_frames(), started.total_frames()));
  RETURN_IF_ERROR(CheckSame("model", before.model(), started.model()));
  RETURN_IF_ERROR(CheckSame("sample_rate", before.sample_rate(), started.sample_rate()));
  RETURN_IF_ERROR(CheckSame("channels", before.channels(), started.channels()));
  RETURN_IF_ERROR(CheckSame("codebooks", before.codebooks(), started.codebooks()));
  RETURN_IF_ERROR(CheckSame<int>("format", before.format(), started.format()));
  RETURN_IF_ERROR(CheckSame("seed", before.seed(), started.seed()));
  // Older servers don't send the sampling.
  if (!before.has_sampling() || !started.has_sampling()) return absl::OkStatus();
  return CheckSame("sampling", before.sampling().ShortDebugString(),
                   started.sampling().ShortDebugString());
}

absl::Status StreamState::CheckGivenTokens(const v1::GenerationStarted& started) const {
  if (started.codebooks() == 0) return absl::DataLossError("`started` names no codebooks");
  const size_t frame_bytes = kTokenBytes * started.codebooks();
  if (tokens_.size() % frame_bytes != 0 || tokens_.size() / frame_bytes > started.total_frames()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the resume tokens (", tokens_.size(), " bytes) are no whole frames of ",
        started.codebooks(), " codebooks, or more than the song's ", started.total_frames()));
  }
  if (!before_restart_.has_value()) return absl::OkStatus();
  return CheckSame("seed", before_restart_->seed(), started.seed());
}

absl::Status StreamState::OnStarted(const v1::GenerationStarted& started) {
  if (attempt_started_) return absl::DataLossError("`started` came twice");
  attempt_started_ = true;
  RETURN_IF_ERROR(started_.has_value() ? CheckSameSong(started) : CheckGivenTokens(started));
  started_ = started;
  return absl::OkStatus();
}

void StreamState::Restart() {
  if (started_.has_value()) before_restart_ = std::move(started_);
  started_.reset();
  tokens_ = given_.tokens();
  head_.clear();
  received_bytes_ = 0;
  next_sample_ = 0;
}

const std::string& StreamState::required_fingerprint() const {
  return HasNew() ? started_->fingerprint() : given_.fingerprint();
}

uint64_t StreamState::BytesPerSample() const {
  switch (started_->format()) {
    case v1::AUDIO_FORMAT_WAV:
    case v1::AUDIO_FORMAT_PCM_S16LE:
      return 2 * started_->channels();
    case v1::AUDIO_FORMAT_PCM_F32LE:
      return 4 * started_->channels();
    default:
      return 0;
  }
}

std::optional<uint64_t> StreamState::HeaderBytes() const {
  if (BytesPerSample() == 0) return std::nullopt;
  if (started_->format() != v1::AUDIO_FORMAT_WAV) return 0;
  return WavHeaderBytes(head_);
}

uint64_t StreamState::received_samples() const {
  const std::optional<uint64_t> header = started_.has_value() ? HeaderBytes() : std::nullopt;
  return header.has_value() ? (received_bytes_ - *header) / BytesPerSample() : 0;
}

uint64_t StreamState::held_frames() const {
  return started_.has_value() ? tokens_.size() / (kTokenBytes * started_->codebooks()) : 0;
}

bool StreamState::CanSplice() const {
  if (!started_.has_value() || received_bytes_ == 0) return true;
  const std::optional<uint64_t> header = HeaderBytes();
  return header.has_value() && (received_bytes_ - *header) % BytesPerSample() == 0;
}

absl::Status StreamState::AddTokens(const v1::AudioChunk& chunk) {
  if (chunk.tokens().empty()) return absl::OkStatus();
  const size_t frame_bytes = kTokenBytes * started_->codebooks();
  if (chunk.tokens().size() % frame_bytes != 0) {
    return absl::DataLossError(absl::StrCat("a chunk has ", chunk.tokens().size(),
                                            " bytes of tokens, not whole frames of ", frame_bytes));
  }
  const uint64_t held = tokens_.size() / frame_bytes;
  const uint64_t count = chunk.tokens().size() / frame_bytes;
  const uint64_t total = started_->total_frames();
  if (chunk.first_frame() > held) {
    return absl::DataLossError(
        absl::StrCat("tokens go on at frame ", chunk.first_frame(), ", expected ", held));
  }
  if (count > total - chunk.first_frame()) {
    return absl::DataLossError(absl::StrCat("tokens of ", count, " frames at frame ",
                                            chunk.first_frame(), " pass the song's ", total));
  }
  // Tokens that a server sends again must equal the tokens held.
  const uint64_t again = std::min(held - chunk.first_frame(), count) * frame_bytes;
  if (tokens_.compare(chunk.first_frame() * frame_bytes, again, chunk.tokens(), 0, again) != 0) {
    return absl::DataLossError(absl::StrCat("the tokens from frame ", chunk.first_frame(),
                                            " on differ from those sent before"));
  }
  tokens_.append(chunk.tokens(), again);
  return absl::OkStatus();
}

absl::Status StreamState::AddSamples(const v1::AudioChunk& chunk) {
  if (chunk.num_samples() == 0) return absl::OkStatus();
  const uint64_t total = started_->total_samples();
  // The first chunk of a resumed stream may begin before the end of the samples held, because
  // servers cut chunks differently. Every later chunk must begin where the last one ended.
  const bool fits = attempt_next_sample_.has_value() ? chunk.first_sample() == *attempt_next_sample_
                                                     : chunk.first_sample() <= next_sample_;
  if (!fits) {
    return absl::DataLossError(absl::StrCat("audio goes on at sample ", chunk.first_sample(),
                                            ", expected ",
                                            attempt_next_sample_.value_or(next_sample_)));
  }
  if (chunk.first_sample() > total || chunk.num_samples() > total - chunk.first_sample()) {
    return absl::DataLossError(absl::StrCat(chunk.num_samples(), " samples at ",
                                            chunk.first_sample(), " pass the song's ", total));
  }
  attempt_next_sample_ = chunk.first_sample() + chunk.num_samples();
  next_sample_ = std::max(next_sample_, *attempt_next_sample_);
  return absl::OkStatus();
}

absl::Status StreamState::OnChunk(const v1::AudioChunk& chunk) {
  if (!attempt_started_) return absl::DataLossError("a chunk came before `started`");
  if (finished_) return absl::DataLossError("a chunk came after `finished`");
  RETURN_IF_ERROR(AddTokens(chunk));
  RETURN_IF_ERROR(AddSamples(chunk));
  AddBytes(chunk.data());
  return absl::OkStatus();
}

void StreamState::AddBytes(const std::string& data) {
  if (head_.size() < kMaxWavHeaderBytes) {
    head_.append(data, 0, kMaxWavHeaderBytes - head_.size());
  }
  received_bytes_ += data.size();
}

absl::Status StreamState::OnFinished(const v1::GenerationFinished& finished) {
  if (!attempt_started_) return absl::DataLossError("`finished` came before `started`");
  if (finished_) return absl::DataLossError("`finished` came twice");
  const v1::GenerationStarted& song = *started_;
  if (finished.total_samples() != song.total_samples() || next_sample_ != song.total_samples()) {
    return absl::DataLossError(absl::StrCat("the song has ", next_sample_,
                                            " samples, `finished` says ", finished.total_samples(),
                                            ", `started` said ", song.total_samples()));
  }
  if (held_frames() != song.total_frames()) {
    return absl::DataLossError(absl::StrCat("the song has tokens of ", held_frames(),
                                            " frames, not ", song.total_frames()));
  }
  const std::optional<uint64_t> header = HeaderBytes();
  if (header.has_value() && received_bytes_ != *header + BytesPerSample() * song.total_samples()) {
    return absl::DataLossError(absl::StrCat(received_bytes_, " bytes came for ",
                                            song.total_samples(), " samples of ", BytesPerSample(),
                                            " bytes after ", *header));
  }
  finished_ = true;
  return absl::OkStatus();
}

void StreamState::FillConfig(ResumeMode mode, v1::GenerateMusicConfig* config) const {
  config->clear_resume();
  const std::optional<v1::GenerationStarted>& song =
      started_.has_value() ? started_ : before_restart_;
  if (song.has_value()) {
    // Sets the sampling explicitly, so that another server's defaults don't change the song.
    if (song->has_sampling()) *config->mutable_sampling() = song->sampling();
    config->mutable_sampling()->set_seed(song->seed());
  }
  v1::ResumeFrom resume = given_;
  if (mode != ResumeMode::kRestart && HasNew()) {
    resume.set_tokens(tokens_);
    resume.set_received_bytes(received_bytes_);
    resume.set_fingerprint(mode == ResumeMode::kExact ? required_fingerprint() : "");
  }
  const bool is_empty =
      resume.tokens().empty() && resume.received_bytes() == 0 && resume.fingerprint().empty();
  if (!is_empty) *config->mutable_resume() = std::move(resume);
}

}  // namespace vidmuse
