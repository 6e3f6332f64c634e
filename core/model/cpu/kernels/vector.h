// Vectors as wide as the instruction set allows, and the arithmetic that the kernels share. Part of
// impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_VECTOR_H_
#define VIDMUSE_MODEL_CPU_KERNELS_VECTOR_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "core/model/cpu/kernels/kernels.h"

namespace vidmuse::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kMaxRows = 12;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kMaxRows = 6;
#else
constexpr int kLanes = 4;
constexpr int kMaxRows = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef uint32_t UintVec __attribute__((vector_size(kLanes * sizeof(uint32_t))));
typedef int16_t ShortHalfVec __attribute__((vector_size(kLanes * sizeof(int16_t))));
typedef int16_t ShortVec __attribute__((vector_size(2 * kLanes * sizeof(int16_t))));
typedef uint16_t WordVec __attribute__((vector_size(2 * kLanes * sizeof(uint16_t))));

// Floats are summed in 16 lanes side by side, whatever the width of a vector, so that every
// instruction set with fused multiply-adds gives the same bits.
constexpr int kSumLanes = 16;
constexpr int kSumVecs = kSumLanes / kLanes;

constexpr int kBlockVecs = 2;  // vectors of outputs computed together
constexpr int kBlock = kBlockVecs * kLanes;
constexpr int kTileVecs = kTile / kLanes;    // vectors that hold a tile's lanes
constexpr float kLowest = -3.0e38f;          // a score whose weight is 0
constexpr int64_t kPrefetchKeys = 3 * 1024;  // prefetch distance of attention, bytes
constexpr int64_t kPrefetchWeights = 128;    // bytes prefetched for each vector in Softmax()

template <typename V>
inline V LoadAs(const void* p) {
  V v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
inline Vec Load(const float* p) { return LoadAs<Vec>(p); }

// Widening loads. They use intrinsics where GCC 12 makes poor code of __builtin_convertvector. For
// AVX-512 they use the masked intrinsics, because GCC 12 warns of uninitialised values in the
// others.
#if defined(__AVX512F__)
inline IntVec LoadInt8(const int8_t* p) {
  return (IntVec)_mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128((const __m128i*)p));
}
inline UintVec LoadUint16(const uint16_t* p) {
  return (UintVec)_mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256((const __m256i*)p));
}
inline ShortVec LoadInt8Pairs(const int8_t* p) {
  return (ShortVec)_mm512_maskz_cvtepi8_epi16(0xffffffff, _mm256_loadu_si256((const __m256i*)p));
}
inline Vec LoadFp16(const uint16_t* p) {
  return (Vec)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256((const __m256i*)p));
}
#elif defined(__AVX2__)
inline IntVec LoadInt8(const int8_t* p) {
  return (IntVec)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p));
}
inline UintVec LoadUint16(const uint16_t* p) {
  return (UintVec)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
}
inline ShortVec LoadInt8Pairs(const int8_t* p) {
  return (ShortVec)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)p));
}
inline Vec LoadFp16(const uint16_t* p) {
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
}
#else
inline UintVec LoadUint16(const uint16_t* p) {
  return (UintVec)_mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i*)p), _mm_setzero_si128());
}
inline ShortVec LoadInt8Pairs(const int8_t* p) {
  const __m128i bytes = _mm_loadl_epi64((const __m128i*)p);
  return (ShortVec)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
inline IntVec LoadInt8(const int8_t* p) {
  int32_t four;
  std::memcpy(&four, p, sizeof(four));
  const __m128i bytes = _mm_cvtsi32_si128(four);
  const __m128i shorts = _mm_unpacklo_epi8(bytes, bytes);
  return (IntVec)_mm_srai_epi32(_mm_unpacklo_epi16(shorts, shorts), 24);
}
inline Vec LoadFp16(const uint16_t* p) {
  const UintVec bits = LoadUint16(p);
  // The product changes the exponent's bias from half's to float's, for subnormals too.
  const Vec magnitude = (Vec)((bits & 0x7fff) << 13) * 0x1p112f;
  return (Vec)((UintVec)magnitude | (bits & 0x8000) << 16);
}
#endif

// The type of stored weights, and a load that widens a vector of them to floats.
template <Precision precision>
struct Stored;

template <>
struct Stored<Precision::kFp32> {
  typedef float Type;
  static Vec Widen(const float* p) { return Load(p); }
};

template <>
struct Stored<Precision::kBf16> {
  typedef uint16_t Type;
  static Vec Widen(const uint16_t* p) { return (Vec)(LoadUint16(p) << 16); }
};

template <>
struct Stored<Precision::kFp16> {
  typedef uint16_t Type;
  static Vec Widen(const uint16_t* p) { return LoadFp16(p); }
};

template <>
struct Stored<Precision::kInt8> {
  typedef int8_t Type;
  static Vec Widen(const int8_t* p) { return __builtin_convertvector(LoadInt8(p), Vec); }
};

inline void Store(float* p, Vec v) { std::memcpy(p, &v, sizeof(v)); }
// Forces v to be rounded to float. Otherwise a compiler could fuse a product with a following
// addition in one place and not in another.
inline Vec Rounded(Vec v) {
  asm("" : "+v"(v));
  return v;
}
inline Vec Splat(float x) { return Vec{} + x; }

inline Vec Select(IntVec mask, Vec yes, Vec no) { return mask ? yes : no; }
inline Vec Max(Vec a, Vec b) { return Select(a > b, a, b); }
inline Vec Min(Vec a, Vec b) { return Select(a < b, a, b); }

// Reductions by halves: the largest element of floats, and the sum of integers.
inline float Largest(Vec v) {
  float halves[kLanes];
  std::memcpy(halves, &v, sizeof(v));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      halves[i] = halves[i] > halves[i + half] ? halves[i] : halves[i + half];
    }
  }
  return halves[0];
}

inline int32_t Sum(IntVec v) {
  int32_t halves[kLanes];
  std::memcpy(halves, &v, sizeof(v));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) halves[i] += halves[i + half];
  }
  return halves[0];
}

// Adds all lanes in order.
inline float Sum(const Vec (&lanes)[kSumVecs]) {
  float sum = 0;
  for (const Vec& v : lanes) {
    for (int i = 0; i < kLanes; ++i) sum += v[i];
  }
  return sum;
}

// Prefetches weights, `step` bytes at a time.
struct Ahead {
  void Next() {
    for (int64_t i = 0; i < step; i += 64) __builtin_prefetch(at + i, 0, 2);
    at += step;
  }
  const char* at;
  int64_t step;
};

// exp(x) for x <= 88, with a relative error of about 1e-7; 0 for x below -87.
inline Vec Exp(Vec x) {
  const Vec clamped = Max(x, Splat(-87.0f));
  const Vec shifted = clamped * 1.44269504f + 12582912.0f;  // round to nearest: 1.5 * 2^23
  const Vec n = shifted - 12582912.0f;
  const Vec r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = Splat(1.0f / 5040);
  p = p * r + (1.0f / 720);
  p = p * r + (1.0f / 120);
  p = p * r + (1.0f / 24);
  p = p * r + (1.0f / 6);
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const IntVec exponent = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return Select(x < Splat(-87.0f), Vec{}, p * (Vec)exponent);
}

// erf(x), by polynomials P and Q that were fitted for this project. With z = |x|, it is
// z P(z^2) for z < 1 and 1 - exp(-z^2) Q(1 / (1 + z / 2)) above, with the sign of x.
inline Vec Erf(Vec x) {
  const Vec z = Max(x, -x);
  const Vec u = z * z;
  Vec small = Splat(7.882497e-05f);
  small = small * u - 8.018855e-04f;
  small = small * u + 5.189312156e-03f;
  small = small * u - 2.685432881e-02f;
  small = small * u + 1.1283597350e-01f;
  small = small * u - 3.7612625957e-01f;
  small = small * u + 1.1283791065f;
  small = small * x;
  const Vec t = 1.0f / (1.0f + 0.5f * z);
  Vec q = Splat(-6.159986928e-02f);
  q = q * t - 3.345672414e-02f;
  q = q * t + 3.746519983e-01f;
  q = q * t + 1.200931966e-01f;
  q = q * t + 3.240832090e-01f;
  q = q * t + 2.748980224e-01f;
  q = q * t + 5.064845900e-04f;
  const Vec large = 1.0f - Exp(-Min(u, Splat(80.0f))) * q;
  const Vec magnitude = Select(z > Splat(4.2f), Splat(1.0f), large);
  const Vec signed_large = Select(x < Vec{}, -magnitude, magnitude);
  return Select(z < Splat(1.0f), small, signed_large);
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_VECTOR_H_
