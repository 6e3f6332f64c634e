// Floats to the numbers that Precision stores, rounded to nearest.
#ifndef VIDMUSE_MODEL_CPU_NARROW_H_
#define VIDMUSE_MODEL_CPU_NARROW_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vidmuse::cpu {

// Ties to even. `value` is finite.
inline uint16_t FloatToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Symmetric: x is about stored * scale, with |stored| <= 127. The scale of zeros is 0.
inline float Int8Scale(const float* x, size_t n) {
  float largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(x[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest / 127;
}

// `inverse`: Int8Inverse(scale). Adding 1.5 * 2^23 rounds to an integer, which then is in the low
// bits.
inline int8_t FloatToInt8(float value, float inverse) {
  return static_cast<int8_t>(std::bit_cast<uint32_t>(value * inverse + 12582912.0f));
}
inline float Int8Inverse(float scale) { return scale > 1e-30f ? 1 / scale : 0; }

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_NARROW_H_
