// Linear layers. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
#define VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_

#include "core/model/cpu/kernels_integer.h"
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

// Weights that are wanted soon, a piece at a time.
struct Ahead {
  void Next() {
    for (int64_t i = 0; i < step; i += 64) __builtin_prefetch(at + i, 0, 2);
    at += step;
  }
  const char* at;
  int64_t step;
};

// If the rows are one block, a panel is read once, and what follows is close behind. Of more blocks
// only the first would read new weights, while memory rests during the others: so each brings its
// part of the panel that is next.
template <Precision P>
inline Ahead WeightsAhead(const LinearArgs& a, int panel, int64_t block, int64_t blocks) {
  const int64_t step = (P == Precision::kInt8 ? 2 : 1) * kPanel * PrecisionBytes(P);
  const int64_t size = (P == Precision::kInt8 ? (a.k + 1) / 2 : a.k) * step;
  const char* weights = static_cast<const char*>(a.weights) + panel * size;
  // Half as far for float32, as measured.
  constexpr int kBytes = P == Precision::kFp32 ? kPrefetchBytes / 2 : kPrefetchBytes;
  if (blocks == 1) return {weights + kBytes, step};
  return {weights + size + block * (size / blocks), step / blocks};
}

template <Precision P>
struct LinearBlock {
  typedef typename Stored<P>::Type Type;

  template <int R>
  static void Run(const LinearArgs& a, int panel, int offset, int64_t first_row, Ahead ahead) {
    const int column = panel * kPanel + offset;
    const Type* w = static_cast<const Type*>(a.weights) + int64_t{column - offset} * a.k + offset;
    const float* x = a.x + first_row * a.x_stride;
    Vec acc[R][kBlockVecs];
    for (int v = 0; v < kBlockVecs; ++v) {
      const Vec start = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
      for (int r = 0; r < R; ++r) acc[r][v] = start;
    }
    for (int k = 0; k < a.k; ++k) {
      ahead.Next();
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

template <>
struct LinearBlock<Precision::kInt8> {
  template <int R>
  static void Run(const LinearArgs& a, int panel, int offset, int64_t first_row, Ahead ahead) {
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
        ahead.Next();
        ShortVec weight[kBlockVecs];
        for (int v = 0; v < kBlockVecs; ++v) {
          weight[v] = LoadInt8Pairs(w + 2 * v * kLanes);
        }
        for (int r = 0; r < R; ++r) {
          const IntVec both = SplatPair(x + 2 * (r * pairs + p));
          for (int v = 0; v < kBlockVecs; ++v) acc[r][v] = AddProducts(acc[r][v], weight[v], both);
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

// `rows`, at most R, of one panel.
template <Precision P, int R = kMaxRows>
inline void LinearRows(const LinearArgs& a, int panel, int64_t row, int64_t rows, Ahead ahead) {
  if constexpr (R > 0) {
    if (rows != R) return LinearRows<P, R - 1>(a, panel, row, rows, ahead);
    for (int offset = 0; offset < kPanel && panel * kPanel + offset < a.n; offset += kBlock) {
      LinearBlock<P>::template Run<R>(a, panel, offset, row, ahead);
    }
  }
}

template <Precision P>
void Linear(const LinearArgs& a, int panel_begin, int panel_end) {
  if constexpr (P == Precision::kInt8) {
    const Rounded rounded(a);
    for (int64_t r = 0; r < a.rows; ++r) {
      rounded.scales[r] =
          RoundRow(a.x + r * a.x_stride, a.k, kMaxRounded, rounded.x + 2 * r * rounded.pairs);
    }
  }
  // Rows of a tile stay in the L2 cache while the panels pass by.
  constexpr int64_t kTile = 8 * kMaxRows;
  for (int64_t tile = 0; tile < a.rows; tile += kTile) {
    const int64_t rows = tile + kTile < a.rows ? kTile : a.rows - tile;
    const int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t begin = rows * block / blocks, end = rows * (block + 1) / blocks;
        LinearRows<P>(a, panel, tile + begin, end - begin,
                      WeightsAhead<P>(a, panel, block, blocks));
      }
    }
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
