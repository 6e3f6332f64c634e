// IEEE 754 half precision as bits, in forms that compilers turn into vector code.
#ifndef VIDMUSE_MODEL_CHECKPOINT_HALF_H_
#define VIDMUSE_MODEL_CHECKPOINT_HALF_H_

#include <bit>
#include <cstdint>

namespace vidmuse {

// Exact. Choices are masks, for a conditional keeps GCC 12 from vectorising the loop around it.
inline float HalfToFloat(uint16_t half) {
  constexpr uint32_t kExponent = 0x7c00u << 13;
  const uint32_t shifted = (half & 0x7fffu) << 13;
  const uint32_t exponent = shifted & kExponent;
  const uint32_t if_infinite = 0u - static_cast<uint32_t>(exponent == kExponent);
  const uint32_t if_subnormal = 0u - static_cast<uint32_t>(exponent == 0);
  // From the bias of a half to that of a float; once more for infinities and NaNs.
  const uint32_t rebiased = shifted + (112u << 23) + ((112u << 23) & if_infinite);
  // A subnormal becomes normal with an implicit one, which is taken off again.
  const float one_more = std::bit_cast<float>(rebiased + (1u << 23));
  const auto normalised = std::bit_cast<uint32_t>(one_more - std::bit_cast<float>(113u << 23));
  const uint32_t magnitude = (normalised & if_subnormal) | (rebiased & ~if_subnormal);
  return std::bit_cast<float>(magnitude | (half & 0x8000u) << 16);
}

// Rounds to nearest, ties to even; too large becomes infinite.
inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and above
  if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 leaves the half's bits at the end of the float, rounded.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1;
  return static_cast<uint16_t>(sign | ((magnitude - (112u << 23) + 0xfffu + odd) >> 13));
}

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_HALF_H_
