#include "client/stream_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

absl::Status StreamState::OnStarted(const v1::GenerationStarted& started) {
  if (attempt_started_) return absl::DataLossError("`started` came twice");
  attempt_started_ = true;
  if (started_.has_value()) {
    const v1::GenerationStarted& before = *started_;
    RETURN_IF_ERROR(CheckSame("total_samples", before.total_samples(), started.total_samples()));
    RETURN_IF_ERROR(CheckSame("total_frames", before.total_frames(), started.total_frames()));
    RETURN_IF_ERROR(CheckSame("model", before.model(), started.model()));
    RETURN_IF_ERROR(CheckSame("sample_rate", before.sample_rate(), started.sample_rate()));
    RETURN_IF_ERROR(CheckSame("channels", before.channels(), started.channels()));
    RETURN_IF_ERROR(CheckSame("codebooks", before.codebooks(), started.codebooks()));
    RETURN_IF_ERROR(CheckSame<int>("format", before.format(), started.format()));
    return CheckSame("seed", before.seed(), started.seed());
  }
  if (started.codebooks() == 0) return absl::DataLossError("`started` names no codebooks");
  started_ = started;
  const size_t frame_bytes = kTokenBytes * started.codebooks();
  if (tokens_.size() % frame_bytes != 0 || tokens_.size() / frame_bytes > started.total_frames()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the resume tokens (", tokens_.size(), " bytes) are no whole frames of ",
        started.codebooks(), " codebooks, or more than the song's ", started.total_frames()));
  }
  return absl::OkStatus();
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
  // What a server sends again must be what it was.
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
  // The first chunk of a resumed stream may begin before the samples that are held: servers cut
  // chunks differently. After it there is one right place.
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
  received_bytes_ += chunk.data().size();
  return absl::OkStatus();
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
  const uint64_t frames = tokens_.size() / (kTokenBytes * song.codebooks());
  if (frames != song.total_frames()) {
    return absl::DataLossError(
        absl::StrCat("the song has tokens of ", frames, " frames, not ", song.total_frames()));
  }
  const uint64_t values = song.total_samples() * song.channels();
  const bool is_s16 = song.format() == v1::AUDIO_FORMAT_PCM_S16LE;
  const bool is_f32 = song.format() == v1::AUDIO_FORMAT_PCM_F32LE;
  if ((is_s16 && received_bytes_ != 2 * values) || (is_f32 && received_bytes_ != 4 * values)) {
    return absl::DataLossError(
        absl::StrCat(received_bytes_, " bytes came for ", values, " raw samples"));
  }
  finished_ = true;
  return absl::OkStatus();
}

void StreamState::FillConfig(v1::GenerateMusicConfig* config) const {
  config->clear_resume();
  if (started_.has_value()) config->mutable_sampling()->set_seed(started_->seed());
  if (tokens_.empty() && received_bytes_ == 0) return;
  config->mutable_resume()->set_tokens(tokens_);
  config->mutable_resume()->set_received_bytes(received_bytes_);
}

}  // namespace vidmuse
