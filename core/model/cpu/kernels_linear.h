// Linear layers. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
#define VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_

#include "core/model/cpu/kernels_vector.h"

namespace vidmuse::cpu {
namespace {

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

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
