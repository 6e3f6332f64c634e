#include "core/audio/reference_loudness.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr double kEnergyFloor = 2e-3;  // RMS below which the reference applies no gain

}  // namespace

ReferenceLoudness::ReferenceLoudness(int sample_rate, int64_t total_samples,
                                     LoudnessMeter output_meter)
    : input_loudness_(sample_rate), output_meter_(std::move(output_meter)) {
  song_.reserve(static_cast<size_t>(total_samples));
}

absl::Status ReferenceLoudness::Process(absl::Span<const float> samples, bool last,
                                        std::vector<float>* out) {
  input_loudness_.Add(samples);
  for (const float sample : samples) sum_of_squares_ += static_cast<double>(sample) * sample;
  song_.insert(song_.end(), samples.begin(), samples.end());
  if (!last) return absl::OkStatus();
  Normalize();
  RETURN_IF_ERROR(output_meter_.Add(song_));
  if (out->empty()) {
    out->swap(song_);
  } else {
    out->insert(out->end(), song_.begin(), song_.end());
  }
  std::vector<float>().swap(song_);
  return absl::OkStatus();
}

// Follows audiocraft/data/audio_utils.py: normalize_loudness, then _clip_wav.
void ReferenceLoudness::Normalize() {
  if (song_.empty()) return;
  const double rms = std::sqrt(sum_of_squares_ / static_cast<double>(song_.size()));
  const double lufs = input_loudness_.Integrated();
  if (rms >= kEnergyFloor && std::isfinite(lufs)) {
    const float gain = static_cast<float>(std::pow(10.0, (kTargetLufs - lufs) / 20.0));
    for (float& sample : song_) sample = std::tanh(gain * sample);
  }
  for (float& sample : song_) sample = std::clamp(sample, -1.0f, 1.0f);
}

}  // namespace vidmuse
