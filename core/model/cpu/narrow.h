// Floats to the numbers that Precision and KvFormat store, rounded to nearest.
#ifndef VIDMUSE_MODEL_CPU_NARROW_H_
#define VIDMUSE_MODEL_CPU_NARROW_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vidmuse::cpu {

// Ties to even. `value` is finite.
inline uint16_t FloatToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Likewise, away from zero.
inline uint16_t FloatToBf16Up(float value) {
  return static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + 0xffff) >> 16);
}
inline float Bf16ToFloat(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

// A float's bits without the last 8. Ties to even. `value` is finite.
inline uint32_t FloatToFloat24(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7f + ((bits >> 8) & 1)) & 0xffffff00;
}

// Symmetric: x is about stored * scale, with |stored| <= most. The scale of zeros is 0, and what
// isn't finite makes one that isn't. Sizes are compared as integers, which is the same and fast.
inline float IntegerScale(const float* x, size_t n, float most) {
  int32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const int32_t size = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    largest = size > largest ? size : largest;
  }
  return std::bit_cast<float>(largest) / most;
}

// `inverse`: InverseScale(scale). Adding 1.5 * 2^23 rounds to an integer, which then is in the low
// bits.
inline int8_t FloatToInt8(float value, float inverse) {
  return static_cast<int8_t>(std::bit_cast<uint32_t>(value * inverse + 12582912.0f));
}
inline float InverseScale(float scale) { return scale > 1e-30f ? 1 / scale : 0; }

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_NARROW_H_
