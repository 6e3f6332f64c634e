// 16-bit and 8-bit numbers in kernels, and the matrix product of a warp.
//
// Conversions to fewer bits round to nearest, ties to even. Values must be finite.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_NUMBERS_H_
#define VIDMUSE_MODEL_GPU_KERNELS_NUMBERS_H_

#include <cmath>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include <bit>
#endif

namespace vidmuse::gpu {

enum class Number { kFp16, kBf16 };

#ifdef __CUDACC__
VIDMUSE_DEVICE float BitsToFloat(uint32_t bits) { return __uint_as_float(bits); }
VIDMUSE_DEVICE uint32_t FloatToBits(float value) { return __float_as_uint(value); }
#else
inline float BitsToFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t FloatToBits(float value) { return std::bit_cast<uint32_t>(value); }

inline float HostFp16ToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16, size = half & 0x7fffu;
  if (size >= 0x7c00) return BitsToFloat(sign | 0x7f800000u | ((size & 0x3ff) << 13));
  // Multiplying by 2^112 corrects the exponent's bias, for denormals too.
  return BitsToFloat(sign | FloatToBits(BitsToFloat(size << 13) * 0x1p112f));
}

inline uint16_t HostFloatToFp16(float value) {
  const uint32_t bits = FloatToBits(value), sign = (bits >> 16) & 0x8000;
  const float size = BitsToFloat(bits & 0x7fffffff);
  if (!(size < 65520.0f)) return static_cast<uint16_t>(sign | (size != size ? 0x7e00 : 0x7c00));
  if (size < 0x1p-14f) {
    // A denormal counts steps of 2^-24, which are the low bits of the sum.
    return static_cast<uint16_t>(sign | (FloatToBits(size + 0.5f) - FloatToBits(0.5f)));
  }
  const uint32_t raw = FloatToBits(size);
  return static_cast<uint16_t>(sign | (((raw + 0xfff + (raw >> 13 & 1)) >> 13) - (112u << 10)));
}
#endif

template <Number kNumber>
VIDMUSE_DEVICE float ToFloat(uint16_t value) {
  if constexpr (kNumber == Number::kBf16) {
    return BitsToFloat(uint32_t{value} << 16);
  } else {
#ifdef __CUDACC__
    return __half2float(__ushort_as_half(value));
#else
    return HostFp16ToFloat(value);
#endif
  }
}

template <Number kNumber>
VIDMUSE_DEVICE uint16_t FromFloat(float value) {
#ifdef __CUDACC__
  if constexpr (kNumber == Number::kBf16) return __bfloat16_as_ushort(__float2bfloat16_rn(value));
  return __half_as_ushort(__float2half_rn(value));
#else
  if constexpr (kNumber == Number::kFp16) return HostFloatToFp16(value);
  const uint32_t bits = FloatToBits(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
}

// Packs two numbers into a word, the first in the low half.
template <Number kNumber>
VIDMUSE_DEVICE uint32_t Pack(float first, float second) {
#ifdef __CUDACC__
  if constexpr (kNumber == Number::kFp16) {
    const __half2 both = __floats2half2_rn(first, second);
    return *reinterpret_cast<const uint32_t*>(&both);
  }
#endif
  return FromFloat<kNumber>(first) | uint32_t{FromFloat<kNumber>(second)} << 16;
}

template <Number kNumber>
VIDMUSE_DEVICE void Unpack(uint32_t word, float* to) {
#ifdef __CUDACC__
  if constexpr (kNumber == Number::kFp16) {
    const float2 both = __half22float2(*reinterpret_cast<const __half2*>(&word));
    to[0] = both.x;
    to[1] = both.y;
    return;
  }
#endif
  to[0] = ToFloat<kNumber>(static_cast<uint16_t>(word));
  to[1] = ToFloat<kNumber>(static_cast<uint16_t>(word >> 16));
}

// Returns byte i of a word as a signed number, exactly. On a GPU, the byte becomes the low bits of
// a float near 2^23.
template <int i>
VIDMUSE_DEVICE float SignedByte(uint32_t word) {
#ifdef __CUDACC__
  return __uint_as_float(__byte_perm(word ^ 0x80808080u, 0x4b000000u, 0x7440 | i)) - 8388736.0f;
#else
  return static_cast<float>(static_cast<int8_t>(word >> 8 * i));
#endif
}

// Converts four signed bytes to two pairs of fp16 numbers, exactly.
VIDMUSE_DEVICE void BytesToFp16(uint32_t word, uint32_t* pairs) {
#ifdef __CUDACC__
  // As fp16, 0x6400 | byte is 1024 + byte. Flipping the sign bit has added 128.
  const uint32_t bytes = word ^ 0x80808080u;
  const __half2 bias = __halves2half2(__ushort_as_half(0x6480), __ushort_as_half(0x6480));
  const uint32_t raw[2] = {__byte_perm(bytes, 0x64646464u, 0x4140),
                           __byte_perm(bytes, 0x64646464u, 0x4342)};
  for (int i = 0; i < 2; ++i) {
    const __half2 value = __hsub2(*reinterpret_cast<const __half2*>(&raw[i]), bias);
    pairs[i] = *reinterpret_cast<const uint32_t*>(&value);
  }
#else
  pairs[0] = Pack<Number::kFp16>(SignedByte<0>(word), SignedByte<1>(word));
  pairs[1] = Pack<Number::kFp16>(SignedByte<2>(word), SignedByte<3>(word));
#endif
}

VIDMUSE_DEVICE float Exp2(float x) {
#ifdef __CUDACC__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

// The 32 threads of a warp compute sums[16][8] += a[16][16] * b[16][8] in float32, as the PTX
// instruction mma.m16n8k16. Thread 4 g + t holds:
//   a:    row g in words 0 and 2, row g + 8 in words 1 and 3
//   b:    column g
//   sums: columns 2 t and 2 t + 1, first of row g, then of row g + 8
// Of the 16 numbers that are summed over, the first half of the words of `a` and `b` holds 2 t and
// 2 t + 1, the second half 2 t + 8 and 2 t + 9.
template <Number kNumber>
VIDMUSE_DEVICE void MultiplyAccumulate(Block& block, float* sums, const uint32_t* a,
                                       const uint32_t* b) {
#ifdef __CUDACC__
  (void)block;
  if constexpr (kNumber == Number::kFp16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#else
  const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const uint32_t* all = block.Gather(mine, 6);
  const int g = block.thread() % kWarpThreads / 4, t = block.thread() % 4;
  for (int k = 0; k < 16; ++k) {
    const int of = k % 8 / 2, high = k / 8;
    const auto half = [&](uint32_t word) {
      return ToFloat<kNumber>(static_cast<uint16_t>(word >> 16 * (k % 2)));
    };
    for (int i = 0; i < 4; ++i) {
      const float left = half(all[6 * (4 * g + of) + i / 2 + 2 * high]);
      sums[i] += left * half(all[6 * (4 * (2 * t + i % 2) + of) + 4 + high]);
    }
  }
#endif
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_NUMBERS_H_
