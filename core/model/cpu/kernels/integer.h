// Exact integer sums of products of 16-bit numbers and stored 8-bit numbers. Part of
// impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_INTEGER_H_
#define VIDMUSE_MODEL_CPU_KERNELS_INTEGER_H_

#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

constexpr float kMaxRounded = 32767;
// Largest quantised x in linear layers: its high byte, rounded, still fits into a signed byte (see
// amx.cc).
constexpr float kMaxInput = 127 * 256 + 127;
// This many sums of two products of 8 and 16 bits can be added without overflowing 32 bits.
constexpr int64_t kExactPairs = 256;
// This many weight tiles of a linear layer can be added without overflowing 32 bits.
constexpr int64_t kExactTiles = 2 * kExactPairs / kTileInputs;

// Quantises x: out[i] = round(x[i] / scale), at most `limit` in magnitude. Returns the scale. `out`
// may begin where `x` does, or before it.
inline float RoundRow(const float* x, int n, float limit, int16_t* out) {
  Vec peak = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec v = Load(x + i);
    peak = Max(peak, Max(v, -v));
  }
  float largest = Largest(peak);
  for (; i < n; ++i) {
    const float magnitude = x[i] < 0 ? -x[i] : x[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  const float inverse = largest > 1e-30f ? limit / largest : 0.0f;
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const IntVec bits = (IntVec)(Load(x + i) * inverse + 12582912.0f);
    const ShortHalfVec v = __builtin_convertvector(bits, ShortHalfVec);
    std::memcpy(out + i, &v, sizeof(v));
  }
  for (; i < n; ++i) {
    const Vec v = (Splat(x[i]) * inverse + 12582912.0f);
    out[i] = static_cast<int16_t>(((IntVec)v)[0]);
  }
  return largest / limit;
}

// Multiplies 16-bit numbers and adds each two neighbouring products to a lane of `sum`.
inline IntVec AddProducts(IntVec sum, ShortVec a, IntVec b) {
#if defined(__AVX512VNNI__)
  return (IntVec)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif defined(__AVX512F__)
  return sum + (IntVec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return sum + (IntVec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
  return sum + (IntVec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

// Adds neighbouring lanes: the first half of the result is from `a`, the second from `b`.
inline IntVec SumNeighbours(IntVec a, IntVec b) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return (IntVec)_mm512_permutex2var_epi32((__m512i)a, even, (__m512i)b) +
         (IntVec)_mm512_permutex2var_epi32((__m512i)a, odd, (__m512i)b);
#elif defined(__AVX2__)
  return (IntVec)_mm256_permute4x64_epi64(_mm256_hadd_epi32((__m256i)a, (__m256i)b), 0xd8);
#else
  const __m128 x = (__m128)a, y = (__m128)b;
  return (IntVec)_mm_shuffle_ps(x, y, 0x88) + (IntVec)_mm_shuffle_ps(x, y, 0xdd);
#endif
}

// Converts a linear layer's sums, high * 4096 + low, to floats. The result depends only on the sum
// and not on its split into high and low, so all instruction sets give the same bits.
inline Vec ExactSum(IntVec high, IntVec low) {
  const Vec rest = __builtin_convertvector(low & 4095, Vec);
  return __builtin_convertvector(high + (low >> 12), Vec) * 4096.0f + rest;
}

// Repeats the four numbers at `p` in every two lanes.
inline IntVec SplatFour(const int16_t* p) {
  typedef int64_t LongVec __attribute__((vector_size(sizeof(IntVec))));
  int64_t four;
  std::memcpy(&four, p, sizeof(four));
  return (IntVec)(LongVec{} + four);
}

// Repeats the pair of numbers at `p` in every lane.
inline IntVec SplatPair(const int16_t* p) {
  int32_t pair;
  std::memcpy(&pair, p, sizeof(pair));
  return IntVec{} + pair;
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_INTEGER_H_
