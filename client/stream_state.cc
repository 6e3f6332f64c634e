#include "client/stream_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

template <typename T>
absl::Status CheckSame(absl::string_view what, const T& before, const T& now) {
  if (before == now) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the resumed stream has another ", what, ": ", now, ", it was ", before));
}

}  // namespace

StreamState::StreamState(v1::ResumeFrom given, int variants) : given_(std::move(given)) {
  for (int v = 0; v < variants; ++v) {
    const bool several = v < given_.variants_size();
    const bool first = v == 0 && given_.variants().empty();
    variants_.emplace_back(several ? given_.variants(v).tokens() : first ? given_.tokens() : "");
  }
}

void StreamState::BeginAttempt() {
  attempt_started_ = false;
  for (VariantState& variant : variants_) variant.BeginAttempt();
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
  RETURN_IF_ERROR(
      CheckSame("seeds", absl::StrJoin(before.seeds(), " "), absl::StrJoin(started.seeds(), " ")));
  // Older servers don't send the sampling.
  if (!before.has_sampling() || !started.has_sampling()) return absl::OkStatus();
  return CheckSame("sampling", before.sampling().ShortDebugString(),
                   started.sampling().ShortDebugString());
}

absl::Status StreamState::CheckGivenTokens(const v1::GenerationStarted& started) const {
  if (started.codebooks() == 0) return absl::DataLossError("`started` names no codebooks");
  // Older servers make one song, whatever was asked for.
  if (variants_.size() > 1 && started.seeds_size() != static_cast<int>(variants_.size())) {
    return absl::UnimplementedError(absl::StrCat("the server makes ", started.seeds_size(),
                                                 " variants, not ", variants_.size()));
  }
  for (const VariantState& variant : variants_) RETURN_IF_ERROR(variant.CheckGiven(started));
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
  for (VariantState& variant : variants_) variant.Restart();
}

const std::string& StreamState::required_fingerprint() const {
  return HasNew() ? started_->fingerprint() : given_.fingerprint();
}

bool StreamState::HasNew() const {
  return std::any_of(variants_.begin(), variants_.end(),
                     [](const VariantState& variant) { return variant.HasNew(); });
}

uint64_t StreamState::received_bytes() const {
  uint64_t bytes = 0;
  for (const VariantState& variant : variants_) bytes += variant.received_bytes();
  return bytes;
}

uint64_t StreamState::progress() const {
  uint64_t bytes = received_bytes();
  for (const VariantState& variant : variants_) bytes += variant.tokens().size();
  return bytes;
}

uint64_t StreamState::received_samples(int variant) const {
  return started_.has_value() ? variants_[variant].received_samples(*started_) : 0;
}

uint64_t StreamState::held_frames(int variant) const {
  return started_.has_value() ? variants_[variant].held_frames(*started_) : 0;
}

bool StreamState::CanSplice() const {
  return !started_.has_value() ||
         std::all_of(variants_.begin(), variants_.end(),
                     [this](const VariantState& variant) { return variant.CanSplice(*started_); });
}

absl::Status StreamState::OnChunk(const v1::AudioChunk& chunk) {
  if (!attempt_started_) return absl::DataLossError("a chunk came before `started`");
  if (finished_) return absl::DataLossError("a chunk came after `finished`");
  if (chunk.variant() >= variants_.size()) {
    return absl::DataLossError(
        absl::StrCat("a chunk of variant ", chunk.variant(), " of ", variants_.size(), " came"));
  }
  return variants_[chunk.variant()].OnChunk(*started_, chunk);
}

absl::Status StreamState::OnFinished(const v1::GenerationFinished& finished) {
  if (!attempt_started_) return absl::DataLossError("`finished` came before `started`");
  if (finished_) return absl::DataLossError("`finished` came twice");
  const v1::GenerationStarted& song = *started_;
  if (finished.total_samples() != song.total_samples()) {
    return absl::DataLossError(absl::StrCat("`finished` says ", finished.total_samples(),
                                            " samples, `started` said ", song.total_samples()));
  }
  for (const VariantState& variant : variants_) RETURN_IF_ERROR(variant.CheckWhole(song));
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
    FillReceived(&resume);
    resume.set_fingerprint(mode == ResumeMode::kExact ? required_fingerprint() : "");
  }
  if (resume.ByteSizeLong() > 0) *config->mutable_resume() = std::move(resume);
}

void StreamState::FillReceived(v1::ResumeFrom* resume) const {
  if (variants_.size() == 1) {
    resume->set_tokens(variants_.front().tokens());
    resume->set_received_bytes(variants_.front().received_bytes());
    return;
  }
  resume->clear_variants();
  for (const VariantState& variant : variants_) {
    v1::ResumeVariant* received = resume->add_variants();
    received->set_tokens(variant.tokens());
    received->set_received_bytes(variant.received_bytes());
  }
}

}  // namespace vidmuse
