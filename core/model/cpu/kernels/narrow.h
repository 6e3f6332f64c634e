// Conversions from float to the numbers that Precision and KvFormat store.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_NARROW_H_
#define VIDMUSE_MODEL_CPU_KERNELS_NARROW_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vidmuse::cpu {

// Rounds to nearest, ties to even. `value` is finite.
inline uint16_t FloatToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Rounds away from zero instead. `value` is finite.
inline uint16_t FloatToBf16Up(float value) {
  return static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + 0xffff) >> 16);
}
inline float Bf16ToFloat(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

// Returns the bits of a float with the last 8 rounded away: to nearest, ties to even. `value` is
// finite.
inline uint32_t FloatToFloat24(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7f + ((bits >> 8) & 1)) & 0xffffff00;
}

// Returns the scale of a symmetric quantisation: x is about stored * scale, with |stored| <= most.
// The scale is 0 if all of x is 0, and not finite if some of x is not. Magnitudes are compared as
// integers, which gives the same order and is fast.
inline float IntegerScale(const float* x, size_t n, float most) {
  int32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const int32_t size = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    largest = size > largest ? size : largest;
  }
  return std::bit_cast<float>(largest) / most;
}

// `inverse` is InverseScale(scale). Adding 1.5 * 2^23 rounds to the nearest integer and leaves it
// in the low bits.
inline int8_t FloatToInt8(float value, float inverse) {
  return static_cast<int8_t>(std::bit_cast<uint32_t>(value * inverse + 12582912.0f));
}
// Adding this to a float of moderate size, and subtracting it, rounds to the nearest integer.
inline constexpr float kRoundsFloats = 12582912.0f;  // 1.5 * 2^23

// The nearest integer from -8 to 7, as a float.
inline float FloatToInt4(float value, float inverse) {
  const float rounded = value * inverse + kRoundsFloats - kRoundsFloats;
  return rounded < -8 ? -8 : rounded > 7 ? 7 : rounded;
}
inline float InverseScale(float scale) { return scale > 1e-30f ? 1 / scale : 0; }

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_NARROW_H_
