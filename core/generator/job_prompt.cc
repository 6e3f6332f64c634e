// The part of a job that makes the song's first frames of the tune that came with the request.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/audio/resampler.h"
#include "core/base/status_macros.h"
#include "core/generator/job.h"
#include "vidmuse/model_info.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// No prompt has more frames.
constexpr int64_t kMostPromptFrames = static_cast<int64_t>(kMostSoundSeconds * kFrameRate);

}  // namespace

absl::Status Job::DecodePrompt() {
  std::string file;
  {
    MutexLock lock(&mutex_);
    file = std::move(prompt_file_);
    prompt_file_.clear();
  }
  if (file.empty() || known_frames_ >= kMostPromptFrames) return absl::OkStatus();
  absl::StatusOr<DecodedSound> sound = context_->decode_sound(file, context_->limits, cancel_);
  if (absl::IsInvalidArgument(sound.status()) && !LimitOf(sound.status())) {
    return AboutField(sound.status(), "prompt_audio");
  }
  RETURN_IF_ERROR(sound.status());
  prompt_ = Resample(sound->samples, sound->sample_rate, context_->model->info().sample_rate);
  return absl::OkStatus();
}

int64_t Job::PromptFrames() const {
  const int64_t frame = context_->model->info().samples_per_frame;
  return (static_cast<int64_t>(prompt_.size()) + frame - 1) / frame;
}

absl::Status Job::CheckPrompt() const {
  if (PromptFrames() < total_frames_) return absl::OkStatus();
  const double seconds = static_cast<double>(PromptFrames()) / kFrameRate;
  return AboutField(absl::InvalidArgumentError(absl::StrFormat(
                        "prompt_audio is %.15g s long, which leaves nothing to make of a song of "
                        "%.15g s",
                        seconds, static_cast<double>(total_frames_) / kFrameRate)),
                    "prompt_audio");
}

absl::Status Job::EncodePrompt() {
  const bool is_known = PromptFrames() <= known_frames_;
  const std::vector<float> samples = std::exchange(prompt_, {});
  if (is_known) return absl::OkStatus();
  absl::StatusOr<std::vector<int32_t>> tokens = context_->model->EncodeAudio(samples, cancel_);
  if (absl::IsInternal(tokens.status())) context_->engine->Suspect();
  RETURN_IF_ERROR(tokens.status());
  MutexLock lock(&mutex_);
  if (ended()) return end_;
  // The frames that came with `resume` stay: they are this prompt's, encoded before.
  for (Variant& variant : variants_) {
    const auto known = static_cast<int64_t>(variant.tokens.size());
    variant.tokens.insert(variant.tokens.end(), tokens->begin() + known, tokens->end());
  }
  CountFrames();
  given_frames_ = frames_made_;
  SchedulePump();
  return absl::OkStatus();
}

}  // namespace vidmuse
