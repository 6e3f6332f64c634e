// How the token model stores its weights.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_
#define VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_

namespace vidmuse::cpu {

// kInt8 has a scale for each output of a linear layer; kInt4 has one for every kGroupInputs inputs
// of an output. kFp32Full differs from kFp32 in the format of keys and values alone.
enum class Precision { kFp32, kBf16, kFp16, kInt8, kInt4, kFp32Full };

inline constexpr int kPrecisions = 6;
inline constexpr Precision kAllPrecisions[kPrecisions] = {Precision::kFp32, Precision::kBf16,
                                                          Precision::kFp16, Precision::kInt8,
                                                          Precision::kInt4, Precision::kFp32Full};

static constexpr const char* PrecisionName(Precision precision) {
  constexpr const char* kNames[kPrecisions] = {"fp32", "bf16", "fp16", "int8", "int4", "fp32_full"};
  return kNames[static_cast<int>(precision)];
}

// Whether x is quantised to 16 bits, and products are summed as integers.
static constexpr bool IsInteger(Precision precision) {
  return precision == Precision::kInt8 || precision == Precision::kInt4;
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_PRECISION_H_
