#include "core/extractors/audioldm_sound.h"

#include <cstddef>

#include "core/base/status_macros.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/sinc_resampler.h"

namespace vidmuse {

absl::StatusOr<std::vector<float>> AudioldmSound(const Sound& sound, int rate) {
  constexpr size_t kLeastSamples = 32000;
  RETURN_IF_ERROR(CheckSamples(sound));
  std::vector<float> samples = sound.channels[0];
  double sum = 0;
  for (const float sample : samples) sum += sample;
  const auto mean = static_cast<float>(sum / static_cast<double>(samples.size()));
  for (float& sample : samples) sample -= mean;
  if (sound.sample_rate != rate) samples = SincResample(samples, sound.sample_rate, rate);
  if (samples.size() < kLeastSamples) samples.resize(kLeastSamples);
  return samples;
}

}  // namespace vidmuse
