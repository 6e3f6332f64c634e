// How the token model stores its weights, and its keys and values.
#ifndef VIDMUSE_MODEL_CPU_PRECISION_H_
#define VIDMUSE_MODEL_CPU_PRECISION_H_

#include <cstddef>

#include "core/model/cpu/integer_keys.h"

namespace vidmuse::cpu {

// kInt8 has a scale for each output of a linear layer, and for each key and value vector.
enum class Precision { kFp32, kBf16, kFp16, kInt8 };

inline constexpr int kPrecisions = 4;
inline constexpr Precision kAllPrecisions[kPrecisions] = {Precision::kFp32, Precision::kBf16,
                                                          Precision::kFp16, Precision::kInt8};

constexpr const char* PrecisionName(Precision precision) {
  constexpr const char* kNames[kPrecisions] = {"fp32", "bf16", "fp16", "int8"};
  return kNames[static_cast<int>(precision)];
}

// Of attention keys and values beside weights of a precision. bf16 has int8's: they halve what each
// request adds to a step's bytes, and add about as little to the error as bf16 weights themselves.
constexpr Precision KeyValuePrecision(Precision weights) {
  return weights == Precision::kBf16 ? Precision::kInt8 : weights;
}

// Of keys that are integers, beside weights of a precision.
constexpr KeyBits IntegerKeyBits(Precision weights) {
  return weights == Precision::kInt8 ? KeyBits::k6 : KeyBits::k8;
}

// Of one stored number; keys of 6 bits take less.
constexpr size_t PrecisionBytes(Precision precision) {
  constexpr size_t kBytes[kPrecisions] = {4, 2, 2, 1};
  return kBytes[static_cast<int>(precision)];
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_PRECISION_H_
