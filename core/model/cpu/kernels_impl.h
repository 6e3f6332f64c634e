// The kernels themselves, written once with vector extensions. Included by one file per instruction
// set, which defines VIDMUSE_KERNELS_NAME and sets the compiler flags. Nothing of the standard
// library's templates may be used here: the linker could pick their copy for machines that lack the
// instructions.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "core/model/cpu/kernels.h"

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

constexpr int kBlockVecs = 2;  // outputs computed together: two vectors
constexpr int kBlock = kBlockVecs * kLanes;
constexpr int kGroupVecs = kKeyGroup / kLanes;
constexpr float kLowest = -3.0e38f;   // a score whose weight is 0
constexpr int kPrefetchBytes = 4096;  // ahead of what is read
constexpr float kMaxRounded = 32767;
// So many sums of two products of 8 and 16 bits fit into 32 bits.
constexpr int64_t kExactPairs = 256;

inline Vec Load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// Widening loads. Written out where GCC 12 makes poor code of __builtin_convertvector; the masked
// forms, for it warns of values that aren't initialised in the others.
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
  // The product moves from a half's exponents to a float's, subnormals too.
  const Vec magnitude = (Vec)((bits & 0x7fff) << 13) * 0x1p112f;
  return (Vec)((UintVec)magnitude | (bits & 0x8000) << 16);
}
#endif

// Stored numbers, and a vector of them widened to floats.
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
inline Vec Splat(float x) { return Vec{} + x; }

inline Vec Select(IntVec mask, Vec yes, Vec no) {
  return (Vec)((mask & (IntVec)yes) | (~mask & (IntVec)no));
}
inline Vec Max(Vec a, Vec b) { return Select(a > b, a, b); }
inline Vec Min(Vec a, Vec b) { return Select(a < b, a, b); }

inline float Sum(Vec v) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

// exp(x) for x <= 88, relative error about 1e-7; 0 below -87.
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

// Polynomials fitted for this project: z P(z^2) below 1, 1 - exp(-z^2) Q(1 / (1 + z / 2)) above.
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

// Results of R rows for the outputs from `column` on.
template <int R>
inline void StoreBlock(const LinearArgs& a, const Vec (&acc)[R][kBlockVecs], float* y, int column) {
  for (int r = 0; r < R; ++r) {
    float* row = y + r * a.y_stride + column;
    if (column + kBlock <= a.n) {
      for (int v = 0; v < kBlockVecs; ++v) {
        Store(row + v * kLanes, a.accumulate ? Load(row + v * kLanes) + acc[r][v] : acc[r][v]);
      }
    } else {
      for (int i = 0; column + i < a.n && i < kBlock; ++i) {
        const float value = acc[r][i / kLanes][i % kLanes];
        row[i] = a.accumulate ? row[i] + value : value;
      }
    }
  }
}

template <Precision P>
struct LinearBlock {
  typedef typename Stored<P>::Type Type;

  template <int R>
  static void Run(const LinearArgs& a, int panel, int offset, int64_t first_row) {
    const int column = panel * kPanel + offset;
    const Type* w = static_cast<const Type*>(a.weights) + int64_t{column - offset} * a.k + offset;
    const float* x = a.x + first_row * a.x_stride;
    Vec acc[R][kBlockVecs];
    for (int v = 0; v < kBlockVecs; ++v) {
      const Vec start = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
      for (int r = 0; r < R; ++r) acc[r][v] = start;
    }
    for (int k = 0; k < a.k; ++k) {
      __builtin_prefetch(reinterpret_cast<const char*>(w) + kPrefetchBytes);
      Vec weight[kBlockVecs];
      for (int v = 0; v < kBlockVecs; ++v) weight[v] = Stored<P>::Widen(w + v * kLanes);
      for (int r = 0; r < R; ++r) {
        const float scalar = x[r * a.x_stride + k];
        for (int v = 0; v < kBlockVecs; ++v) acc[r][v] += weight[v] * scalar;
      }
      w += kPanel;
    }
    StoreBlock<R>(a, acc, a.y + first_row * a.y_stride, column);
  }
};

// x as LinearScratch holds it: [rows][(k + 1) / 2] pairs of 16-bit integers, then the rows' scales.
struct Rounded {
  explicit Rounded(const LinearArgs& a)
      : pairs((a.k + 1) / 2),
        x(reinterpret_cast<int16_t*>(a.scratch)),
        scales(a.scratch + a.rows * pairs) {}
  const int64_t pairs;
  int16_t* const x;
  float* const scales;
};

inline void RoundRow(const float* x, int k, int16_t* out, float* scale) {
  Vec peak = {};
  int i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    const Vec v = Load(x + i);
    peak = Max(peak, Max(v, -v));
  }
  float largest = 0;
  for (int j = 0; j < kLanes; ++j) largest = peak[j] > largest ? peak[j] : largest;
  for (; i < k; ++i) {
    const float magnitude = x[i] < 0 ? -x[i] : x[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  *scale = largest / kMaxRounded;
  const float inverse = largest > 1e-30f ? kMaxRounded / largest : 0.0f;
  // Adding 1.5 * 2^23 rounds to an integer, which then is in the low bits.
  for (i = 0; i + kLanes <= k; i += kLanes) {
    const IntVec bits = (IntVec)(Load(x + i) * inverse + 12582912.0f);
    const ShortHalfVec v = __builtin_convertvector(bits, ShortHalfVec);
    std::memcpy(out + i, &v, sizeof(v));
  }
  for (; i < k; ++i) {
    const Vec v = (Splat(x[i]) * inverse + 12582912.0f);
    out[i] = static_cast<int16_t>(((IntVec)v)[0]);
  }
  if (k % 2 == 1) out[k] = 0;
}

// Sums of neighbours' products.
inline IntVec MultiplyPairs(ShortVec a, IntVec b) {
#if defined(__AVX512F__)
  return (IntVec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (IntVec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
  return (IntVec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

template <>
struct LinearBlock<Precision::kInt8> {
  template <int R>
  static void Run(const LinearArgs& a, int panel, int offset, int64_t first_row) {
    const Rounded rounded(a);
    const int column = panel * kPanel + offset;
    const int64_t pairs = rounded.pairs;
    const int8_t* w =
        static_cast<const int8_t*>(a.weights) + 2 * (int64_t{panel} * kPanel * pairs + offset);
    const int16_t* x = rounded.x + first_row * 2 * pairs;
    Vec total[R][kBlockVecs] = {};
    for (int64_t begin = 0; begin < pairs; begin += kExactPairs) {
      const int64_t end = begin + kExactPairs < pairs ? begin + kExactPairs : pairs;
      IntVec acc[R][kBlockVecs] = {};
      for (int64_t p = begin; p < end; ++p) {
        __builtin_prefetch(w + kPrefetchBytes);
        ShortVec weight[kBlockVecs];
        for (int v = 0; v < kBlockVecs; ++v) {
          weight[v] = LoadInt8Pairs(w + 2 * v * kLanes);
        }
        for (int r = 0; r < R; ++r) {
          int32_t pair;
          std::memcpy(&pair, x + 2 * (r * pairs + p), sizeof(pair));
          const IntVec both = IntVec{} + pair;
          for (int v = 0; v < kBlockVecs; ++v) acc[r][v] += MultiplyPairs(weight[v], both);
        }
        w += 2 * kPanel;
      }
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < kBlockVecs; ++v) {
          total[r][v] += __builtin_convertvector(acc[r][v], Vec);
        }
      }
    }
    for (int v = 0; v < kBlockVecs; ++v) {
      const Vec scale = Load(a.scales + column + v * kLanes);
      const Vec bias = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
      for (int r = 0; r < R; ++r) {
        total[r][v] = total[r][v] * (scale * rounded.scales[first_row + r]) + bias;
      }
    }
    StoreBlock<R>(a, total, a.y + first_row * a.y_stride, column);
  }
};

template <Precision P, int R>
inline void LinearRows(const LinearArgs& a, int panel, int64_t row) {
  for (int offset = 0; offset < kPanel && panel * kPanel + offset < a.n; offset += kBlock) {
    LinearBlock<P>::template Run<R>(a, panel, offset, row);
  }
}

template <Precision P, int R>
inline void LinearTail(const LinearArgs& a, int panel, int64_t row, int64_t rows) {
  if constexpr (R > 0) {
    if (rows == R) {
      LinearRows<P, R>(a, panel, row);
    } else {
      LinearTail<P, R - 1>(a, panel, row, rows);
    }
  }
}

template <Precision P>
void Linear(const LinearArgs& a, int panel_begin, int panel_end) {
  if constexpr (P == Precision::kInt8) {
    const Rounded rounded(a);
    for (int64_t r = 0; r < a.rows; ++r) {
      RoundRow(a.x + r * a.x_stride, a.k, rounded.x + 2 * r * rounded.pairs, rounded.scales + r);
    }
  }
  // Rows of a tile stay in the L2 cache while the panels pass by.
  constexpr int64_t kTile = 8 * kMaxRows;
  for (int64_t tile = 0; tile < a.rows; tile += kTile) {
    const int64_t end = tile + kTile < a.rows ? tile + kTile : a.rows;
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      int64_t row = tile;
      for (; row + kMaxRows <= end; row += kMaxRows) LinearRows<P, kMaxRows>(a, panel, row);
      LinearTail<P, kMaxRows - 1>(a, panel, row, end - row);
    }
  }
}

// R queries on their way; scores [R][stride] are in the caller's scratch.
template <int R>
struct Queries {
  const float* q[R];
  float* out[R];
  int length[R];
  int longest = 0;
  int64_t stride = 0;  // `longest`, rounded up to whole groups
  float inverse[R];    // 1 / sum of weights
};

// Scores of G groups of positions from `group` on.
template <Precision P, int R, int G>
inline void ScoreGroups(const AttentionArgs& a, Queries<R>& queries, int64_t group) {
  typedef typename Stored<P>::Type Type;
  const int64_t group_size = int64_t{a.head_dim} * kKeyGroup;
  const Type* keys = static_cast<const Type*>(a.keys) + group * group_size;
  constexpr int kBytes = G * kKeyGroup * sizeof(Type);  // that one of the head's dimensions takes
  const char* ahead = reinterpret_cast<const char*>(keys) + kPrefetchBytes;
  Vec acc[G][R][kGroupVecs] = {};
  for (int d = 0; d < a.head_dim; ++d) {
    for (int i = 0; i < kBytes; i += 64) __builtin_prefetch(ahead + i);
    ahead += kBytes;
    for (int g = 0; g < G; ++g) {
      for (int v = 0; v < kGroupVecs; ++v) {
        const Vec key = Stored<P>::Widen(keys + g * group_size + d * kKeyGroup + v * kLanes);
        for (int r = 0; r < R; ++r) acc[g][r][v] += key * queries.q[r][d];
      }
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int v = 0; v < kGroupVecs; ++v) {
      const int64_t position = (group + g) * kKeyGroup + v * kLanes;
      Vec scale = Splat(a.scale);
      if constexpr (P == Precision::kInt8) scale *= Load(a.key_scales + position);
      for (int r = 0; r < R; ++r) {
        Store(a.scratch + r * queries.stride + position, acc[g][r][v] * scale);
      }
    }
  }
}

template <Precision P, int R>
void Scores(const AttentionArgs& a, Queries<R>& queries) {
  constexpr int kTogether = R == 1 ? 4 : R == 2 ? 2 : 1;  // enough chains to hide their latency
  const int64_t groups = queries.stride / kKeyGroup;
  int64_t g = 0;
  for (; g + kTogether <= groups; g += kTogether) ScoreGroups<P, R, kTogether>(a, queries, g);
  for (; g < groups; ++g) ScoreGroups<P, R, 1>(a, queries, g);
}

// Scores to weights, 0 past a row's length. The weights of int8 values have their scales in them.
template <Precision P, int R>
void Softmax(const AttentionArgs& a, Queries<R>& queries) {
  for (int r = 0; r < R; ++r) {
    float* row = a.scratch + r * queries.stride;
    for (int64_t i = queries.length[r]; i < queries.stride; ++i) row[i] = kLowest;
    Vec peaks = Splat(kLowest);
    for (int64_t i = 0; i < queries.stride; i += kLanes) peaks = Max(Load(row + i), peaks);
    float peak = kLowest;
    for (int i = 0; i < kLanes; ++i) peak = peaks[i] > peak ? peaks[i] : peak;
    Vec sum = {};
    for (int64_t i = 0; i < queries.stride; i += kLanes) {
      Vec weight = Exp(Load(row + i) - peak);
      sum += weight;
      if constexpr (P == Precision::kInt8) weight *= Load(a.value_scales + i);
      Store(row + i, weight);
    }
    queries.inverse[r] = 1.0f / Sum(sum);
  }
}

// Columns [column, column + V vectors) of the weighted sum of values; even and odd positions have a
// chain of their own each.
template <Precision P, int R, int V>
void WeightedSum(const AttentionArgs& a, const Queries<R>& queries, int column) {
  typedef typename Stored<P>::Type Type;
  const Type* values = static_cast<const Type*>(a.values) + column;
  Vec even[R][V] = {};
  Vec odd[R][V] = {};
  const auto add = [&](Vec(*acc)[V], int64_t t) {
    const char* ahead = reinterpret_cast<const char*>(values + t * a.value_stride) + kPrefetchBytes;
    for (int i = 0; i < V * kLanes * int{sizeof(Type)}; i += 64) __builtin_prefetch(ahead + i);
    for (int v = 0; v < V; ++v) {
      const Vec x = Stored<P>::Widen(values + t * a.value_stride + v * kLanes);
      for (int r = 0; r < R; ++r) acc[r][v] += x * a.scratch[r * queries.stride + t];
    }
  };
  int t = 0;
  for (; t + 2 <= queries.longest; t += 2) {
    add(even, t);
    add(odd, t + 1);
  }
  if (t < queries.longest) add(even, t);
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      const Vec result = (even[r][v] + odd[r][v]) * queries.inverse[r];
      const int begin = column + v * kLanes;
      if (begin + kLanes <= a.head_dim) {
        Store(queries.out[r] + begin, result);
      } else {
        for (int i = 0; begin + i < a.head_dim; ++i) queries.out[r][begin + i] = result[i];
      }
    }
  }
}

template <Precision P, int R>
void AttentionRows(const AttentionArgs& a, int first_row) {
  Queries<R> queries;
  for (int r = 0; r < R; ++r) {
    queries.q[r] = a.q + (first_row + r) * a.q_stride;
    queries.out[r] = a.out + (first_row + r) * a.out_stride;
    queries.length[r] = a.lengths[first_row + r];
    if (queries.length[r] > queries.longest) queries.longest = queries.length[r];
  }
  queries.stride = (queries.longest + int64_t{kKeyGroup} - 1) / kKeyGroup * kKeyGroup;
  Scores<P, R>(a, queries);
  Softmax<P, R>(a, queries);
  int column = 0;
  for (; column + 4 * kLanes <= a.value_stride; column += 4 * kLanes) {
    WeightedSum<P, R, 4>(a, queries, column);
  }
  for (; column < a.value_stride; column += kLanes) WeightedSum<P, R, 1>(a, queries, column);
}

template <Precision P>
void Attention(const AttentionArgs& a) {
  int row = 0;
  for (; row + 4 <= a.rows; row += 4) AttentionRows<P, 4>(a, row);
  for (; row + 2 <= a.rows; row += 2) AttentionRows<P, 2>(a, row);
  for (; row < a.rows; ++row) AttentionRows<P, 1>(a, row);
}

void LayerNorm(const float* x, const float* weight, const float* bias, int n, float* y) {
  Vec sum = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += Load(x + i);
  float total = Sum(sum);
  for (; i < n; ++i) total += x[i];
  const float mean = total / static_cast<float>(n);
  Vec squares = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Vec d = Load(x + i) - mean;
    squares += d * d;
  }
  float variance = Sum(squares);
  for (; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1.0f / __builtin_sqrtf(variance / static_cast<float>(n) + 1e-5f);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    Store(y + i, (Load(x + i) - mean) * inverse * Load(weight + i) + Load(bias + i));
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

// Applies `f` to n elements; the tail goes through a padded vector, so each element has the same
// arithmetic.
template <typename F>
inline void ForEach(const float* x, int64_t n, float* y, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(y + i, f(Load(x + i)));
  if (i < n) {
    Vec tail = {};
    std::memcpy(&tail, x + i, static_cast<size_t>(n - i) * sizeof(float));
    tail = f(tail);
    std::memcpy(y + i, &tail, static_cast<size_t>(n - i) * sizeof(float));
  }
}

void Gelu(float* x, int64_t n) {
  ForEach(x, n, x, [](Vec v) { return 0.5f * v * (1.0f + Erf(v * 0.70710678f)); });
}

void Elu(const float* x, int64_t n, float alpha, float* y) {
  ForEach(x, n, y, [alpha](Vec v) {
    const Vec negative = alpha * (Exp(Min(v, Vec{})) - 1.0f);
    return Select(v > Vec{}, v, negative);
  });
}

}  // namespace

extern const Kernels VIDMUSE_KERNELS_SYMBOL;
const Kernels VIDMUSE_KERNELS_SYMBOL = {VIDMUSE_KERNELS_NAME,
                                        {Linear<Precision::kFp32>, Linear<Precision::kBf16>,
                                         Linear<Precision::kFp16>, Linear<Precision::kInt8>},
                                        {Attention<Precision::kFp32>, Attention<Precision::kBf16>,
                                         Attention<Precision::kFp16>, Attention<Precision::kInt8>},
                                        LayerNorm,
                                        Gelu,
                                        Elu};

}  // namespace vidmuse::cpu
