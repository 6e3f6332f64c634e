// Conversions of IEEE 754 half precision, written so that compilers can vectorise them.
#ifndef VIDMUSE_MODEL_CHECKPOINT_HALF_H_
#define VIDMUSE_MODEL_CHECKPOINT_HALF_H_

#include <bit>
#include <cstdint>

namespace vidmuse {

// The conversion is exact. It chooses by masks because a conditional keeps GCC 12 from vectorising
// the loop around it.
inline float HalfToFloat(uint16_t half) {
  constexpr uint32_t kExponent = 0x7c00u << 13;
  const uint32_t shifted = (half & 0x7fffu) << 13;
  const uint32_t exponent = shifted & kExponent;
  const uint32_t if_infinite = 0u - static_cast<uint32_t>(exponent == kExponent);
  const uint32_t if_subnormal = 0u - static_cast<uint32_t>(exponent == 0);
  // Changes a half's exponent bias to a float's. Infinities and NaNs need this twice.
  const uint32_t rebiased = shifted + (112u << 23) + ((112u << 23) & if_infinite);
  // A subnormal is normalised by adding an implicit one and subtracting it again.
  const float one_more = std::bit_cast<float>(rebiased + (1u << 23));
  const auto normalised = std::bit_cast<uint32_t>(one_more - std::bit_cast<float>(113u << 23));
  const uint32_t magnitude = (normalised & if_subnormal) | (rebiased & ~if_subnormal);
  return std::bit_cast<float>(magnitude | (half & 0x8000u) << 16);
}

// Rounds to nearest, ties to even. Too large values become infinite.
inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and above
  if (magnitude < 0x38800000u) {
    // The result is subnormal. Adding 0.5 leaves the half's rounded bits at the end of the float.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1;
  return static_cast<uint16_t>(sign | ((magnitude - (112u << 23) + 0xfffu + odd) >> 13));
}

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_HALF_H_
