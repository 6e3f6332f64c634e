#ifndef VIDMUSE_AUDIO_SAMPLE_FORMAT_H_
#define VIDMUSE_AUDIO_SAMPLE_FORMAT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace vidmuse {

// Rounds to the nearest 16-bit sample, halves to even; NaN becomes 0.
inline int16_t ToInt16(float sample) {
  if (std::isnan(sample)) return 0;
  return static_cast<int16_t>(std::lrint(std::clamp(sample * 32768.0f, -32768.0f, 32767.0f)));
}

// Clamps to [-1, 1]; NaN becomes 0.
inline float ToUnitRange(float sample) {
  return std::isnan(sample) ? 0.0f : std::clamp(sample, -1.0f, 1.0f);
}

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_SAMPLE_FORMAT_H_
