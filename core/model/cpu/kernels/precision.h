// How the token model stores its weights.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_
#define VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_

#include <cstddef>

namespace vidmuse::cpu {

// kInt8 has a scale for each output of a linear layer.
enum class Precision { kFp32, kBf16, kFp16, kInt8 };

inline constexpr int kPrecisions = 4;
inline constexpr Precision kAllPrecisions[kPrecisions] = {Precision::kFp32, Precision::kBf16,
                                                          Precision::kFp16, Precision::kInt8};

static constexpr const char* PrecisionName(Precision precision) {
  constexpr const char* kNames[kPrecisions] = {"fp32", "bf16", "fp16", "int8"};
  return kNames[static_cast<int>(precision)];
}

// Bytes of one stored number.
static constexpr size_t PrecisionBytes(Precision precision) {
  constexpr size_t kBytes[kPrecisions] = {4, 2, 2, 1};
  return kBytes[static_cast<int>(precision)];
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_
