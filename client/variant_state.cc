#include "client/variant_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/wav_header.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr size_t kTokenBytes = 2;

size_t FrameBytes(const v1::GenerationStarted& song) { return kTokenBytes * song.codebooks(); }

// 0 for formats that aren't samples.
uint64_t BytesPerSample(const v1::GenerationStarted& song) {
  switch (song.format()) {
    case v1::AUDIO_FORMAT_WAV:
    case v1::AUDIO_FORMAT_PCM_S16LE:
      return 2 * song.channels();
    case v1::AUDIO_FORMAT_PCM_F32LE:
      return 4 * song.channels();
    default:
      return 0;
  }
}

}  // namespace

int VariantsOf(const v1::GenerateMusicConfig& config) {
  return config.has_variants() ? static_cast<int>(std::clamp(config.variants(), 1u, 8u)) : 1;
}

uint64_t SeedOf(const v1::GenerationStarted& song, int variant) {
  return variant < song.seeds_size() ? song.seeds(variant) : song.seed();
}

void VariantState::Restart() {
  tokens_ = given_;
  head_.clear();
  received_bytes_ = 0;
  next_sample_ = 0;
}

absl::Status VariantState::CheckGiven(const v1::GenerationStarted& song) const {
  const size_t frame_bytes = FrameBytes(song);
  if (given_.size() % frame_bytes == 0 && given_.size() / frame_bytes <= song.total_frames()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the resume tokens (", given_.size(), " bytes) are no whole frames of ",
                   song.codebooks(), " codebooks, or more than the song's ", song.total_frames()));
}

std::optional<uint64_t> VariantState::HeaderBytes(const v1::GenerationStarted& song) const {
  if (BytesPerSample(song) == 0) return std::nullopt;
  if (song.format() != v1::AUDIO_FORMAT_WAV) return 0;
  return WavHeaderBytes(head_);
}

uint64_t VariantState::received_samples(const v1::GenerationStarted& song) const {
  const std::optional<uint64_t> header = HeaderBytes(song);
  return header.has_value() ? (received_bytes_ - *header) / BytesPerSample(song) : 0;
}

uint64_t VariantState::held_frames(const v1::GenerationStarted& song) const {
  return tokens_.size() / FrameBytes(song);
}

bool VariantState::CanSplice(const v1::GenerationStarted& song) const {
  if (received_bytes_ == 0) return true;
  const std::optional<uint64_t> header = HeaderBytes(song);
  return header.has_value() && (received_bytes_ - *header) % BytesPerSample(song) == 0;
}

absl::Status VariantState::AddTokens(const v1::GenerationStarted& song,
                                     const v1::AudioChunk& chunk) {
  if (chunk.tokens().empty()) return absl::OkStatus();
  const size_t frame_bytes = FrameBytes(song);
  if (chunk.tokens().size() % frame_bytes != 0) {
    return absl::DataLossError(absl::StrCat("a chunk has ", chunk.tokens().size(),
                                            " bytes of tokens, not whole frames of ", frame_bytes));
  }
  const uint64_t held = tokens_.size() / frame_bytes;
  const uint64_t count = chunk.tokens().size() / frame_bytes;
  const uint64_t total = song.total_frames();
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

absl::Status VariantState::AddSamples(const v1::GenerationStarted& song,
                                      const v1::AudioChunk& chunk) {
  if (chunk.num_samples() == 0) return absl::OkStatus();
  const uint64_t total = song.total_samples();
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

absl::Status VariantState::OnChunk(const v1::GenerationStarted& song, const v1::AudioChunk& chunk) {
  RETURN_IF_ERROR(AddTokens(song, chunk));
  RETURN_IF_ERROR(AddSamples(song, chunk));
  if (head_.size() < kMaxWavHeaderBytes) {
    head_.append(chunk.data(), 0, kMaxWavHeaderBytes - head_.size());
  }
  received_bytes_ += chunk.data().size();
  return absl::OkStatus();
}

absl::Status VariantState::CheckWhole(const v1::GenerationStarted& song) const {
  if (next_sample_ != song.total_samples()) {
    return absl::DataLossError(absl::StrCat("the song has ", next_sample_,
                                            " samples, `started` said ", song.total_samples()));
  }
  if (held_frames(song) != song.total_frames()) {
    return absl::DataLossError(absl::StrCat("the song has tokens of ", held_frames(song),
                                            " frames, not ", song.total_frames()));
  }
  const std::optional<uint64_t> header = HeaderBytes(song);
  if (header.has_value() &&
      received_bytes_ != *header + BytesPerSample(song) * song.total_samples()) {
    return absl::DataLossError(absl::StrCat(received_bytes_, " bytes came for ",
                                            song.total_samples(), " samples of ",
                                            BytesPerSample(song), " bytes after ", *header));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
