// Linear layers. Part of impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
#define VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_

#include "core/model/cpu/kernels/integer.h"
#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

// Outputs of an int8 layer from their integer sums.
inline Vec Scaled(Vec sum, Vec scale, Vec bias) { return Rounded(sum * scale) + bias; }

// Stores the results of R rows for the outputs from `column` on.
template <int R, int V>
inline void StoreBlock(const LinearArgs& a, const Vec (&acc)[R][V], float* y, int column) {
  constexpr int kOutputs = V * kLanes;
  for (int r = 0; r < R; ++r) {
    float* row = y + r * a.y_stride + column;
    if (column + kOutputs <= a.n) {
      for (int v = 0; v < V; ++v) {
        Store(row + v * kLanes, a.accumulate ? Load(row + v * kLanes) + acc[r][v] : acc[r][v]);
      }
    } else {
      for (int i = 0; column + i < a.n && i < kOutputs; ++i) {
        const float value = acc[r][i / kLanes][i % kLanes];
        row[i] = a.accumulate ? row[i] + value : value;
      }
    }
  }
}

// What to prefetch while a panel is read in `passes` passes of `steps` steps each. A single pass
// prefetches what lies `distance` bytes ahead of it. Of several passes, all but the first find the
// panel in the cache and would leave memory idle, so each pass prefetches its share of the next
// panel.
template <Precision P>
inline Ahead WeightsAhead(const LinearArgs& a, int panel, int64_t pass, int64_t passes,
                          int64_t steps, int64_t distance) {
  const int64_t size = PanelBytes(P, a.k);
  const char* weights = static_cast<const char*>(a.weights) + panel * size;
  if (passes == 1) return {weights + distance, size / steps};
  return {weights + size + pass * (size / passes), size / steps / passes};
}

// A block of rows of x: input k of row r is at x + r * row_stride + k * k_stride.
struct Rows {
  const float* x;
  int64_t row_stride;
  int64_t k_stride;
};

// Returns rows [begin, end) of the row tile that begins at row `tile`. If there is scratch, they
// are packed into it side by side: one stream instead of many, which would share one set of the L1
// cache if their stride is a power of two.
inline Rows PackRows(const LinearArgs& a, int64_t begin, int64_t end, int64_t tile) {
  const float* x = a.x + begin * a.x_stride;
  const int64_t count = end - begin;
  if (a.scratch == nullptr || count == 1) return {x, a.x_stride, 1};
  float* packed = a.scratch + (begin - tile) * a.k;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t k = 0; k < a.k; ++k) packed[k * count + r] = x[r * a.x_stride + k];
  }
  return {packed, 1, count};
}

template <Precision P>
struct LinearBlock {
  using Type = typename Stored<P>::Type;
  static int64_t Steps(const LinearArgs& a) { return a.k; }

  template <int R>
  static constexpr int kOutputs = kBlock;

  template <int R>
  static void Run(const LinearArgs& a, const Rows& rows, int panel, int offset, int64_t first_row,
                  Ahead ahead) {
    const int column = panel * kPanel + offset;
    const Type* w = static_cast<const Type*>(a.weights) + int64_t{column - offset} * a.k + offset;
    const float* x = rows.x;
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
        const float scalar = x[r * rows.row_stride];
        for (int v = 0; v < kBlockVecs; ++v) acc[r][v] += weight[v] * scalar;
      }
      w += kPanel;
      x += rows.k_stride;
    }
    StoreBlock(a, acc, a.y + first_row * a.y_stride, column);
  }
};

// The quantised x in scratch: [rows][inputs] 16-bit integers, then the scales of the rows.
struct RoundedRows {
  explicit RoundedRows(const LinearArgs& a)
      : inputs(TilesDown(a.k) * kTileInputs),
        x(reinterpret_cast<int16_t*>(a.scratch)),
        scales(a.scratch + a.rows * inputs / 2) {}
  const int64_t inputs;
  int16_t* const x;
  float* const scales;
};

template <>
struct LinearBlock<Precision::kInt8> {
  static int64_t Steps(const LinearArgs& a) { return TilesDown(a.k) * (kTileInputs / 4); }

  // Each vector of outputs takes two vectors of sums.
  template <int R>
  static constexpr int kOutputs = kLanes == 16 && R <= 6 ? 2 * kLanes : kLanes;

  template <int R>
  static void Run(const LinearArgs& a, const Rows&, int panel, int offset, int64_t first_row,
                  Ahead ahead) {
    constexpr int V = kOutputs<R> / kLanes;
    const RoundedRows rounded(a);
    const int column = panel * kPanel + offset;
    const int64_t tiles = TilesDown(a.k);
    const int8_t* w = static_cast<const int8_t*>(a.weights) +
                      int64_t{panel} * kPanel * rounded.inputs +
                      offset / kTileOutputs * kLinearTile + offset % kTileOutputs * 4;
    const int16_t* x = rounded.x + first_row * rounded.inputs;
    IntVec high[R][V] = {}, low[R][V] = {};
    for (int64_t begin = 0; begin < tiles; begin += kExactTiles) {
      const int64_t end = begin + kExactTiles < tiles ? begin + kExactTiles : tiles;
      IntVec acc[R][2 * V] = {};
      for (int64_t tile = begin; tile < end; ++tile) {
        for (int four = 0; four < kTileInputs / 4; ++four) {
          ahead.Next();
          ShortVec weight[2 * V];
          for (int v = 0; v < 2 * V; ++v) {
            // A vector of outputs is a row of a weight tile, or part of one.
            weight[v] = LoadInt8Pairs(w + v / 2 * kLinearTile + v % 2 * 2 * kLanes);
          }
          for (int r = 0; r < R; ++r) {
            const IntVec all = SplatFour(x + r * rounded.inputs);
            for (int v = 0; v < 2 * V; ++v) acc[r][v] = AddProducts(acc[r][v], weight[v], all);
          }
          w += 4 * kTileOutputs;
          x += 4;
        }
        w += (kTilesAcross - 1) * kLinearTile;
      }
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < V; ++v) {
          const IntVec sum = SumNeighbours(acc[r][2 * v], acc[r][2 * v + 1]);
          high[r][v] += sum >> 12;
          low[r][v] += sum & 4095;
        }
      }
    }
    Vec total[R][V];
    for (int v = 0; v < V; ++v) {
      const Vec scale = Load(a.scales + column + v * kLanes);
      const Vec bias = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
      for (int r = 0; r < R; ++r) {
        total[r][v] =
            Scaled(ExactSum(high[r][v], low[r][v]), scale * rounded.scales[first_row + r], bias);
      }
    }
    StoreBlock(a, total, a.y + first_row * a.y_stride, column);
  }
};

// The quantised x in scratch: [rows][inputs] 16-bit integers, then the scales of the rows, then 8
// times the sum of each group of inputs, [rows][groups].
struct GroupedRows {
  explicit GroupedRows(const LinearArgs& a)
      : groups(Groups(a.k)),
        inputs(groups * kGroupInputs),
        x(reinterpret_cast<int16_t*>(a.scratch)),
        scales(a.scratch + a.rows * inputs / 2),
        sums(reinterpret_cast<int32_t*>(scales + a.rows)) {}

  void Fill(const LinearArgs& a, int64_t r) const {
    int16_t* row = x + r * inputs;
    scales[r] = RoundRow(a.x + r * a.x_stride, a.k, kMaxInput, row);
    for (int64_t i = a.k; i < inputs; ++i) row[i] = 0;
    for (int64_t g = 0; g < groups; ++g) {
      int32_t sum = 0;
      for (int i = 0; i < kGroupInputs; ++i) sum += row[g * kGroupInputs + i];
      sums[r * groups + g] = 8 * sum;
    }
  }

  const int64_t groups;
  const int64_t inputs;
  int16_t* const x;
  float* const scales;
  int32_t* const sums;
};

// The sums of a group are exact, also as floats, and are added in the order of groups.
template <>
struct LinearBlock<Precision::kInt4> {
  static int64_t Steps(const LinearArgs& a) { return Groups(a.k); }

  template <int R>
  static constexpr int kOutputs = kLanes == 16 && R <= 4 ? 2 * kLanes : kLanes;

  template <int R>
  static void Run(const LinearArgs& a, const Rows&, int panel, int offset, int64_t first_row,
                  Ahead ahead) {
    constexpr int V = kOutputs<R> / kLanes;
    const GroupedRows grouped(a);
    const int column = panel * kPanel + offset;
    const char* group = static_cast<const char*>(a.weights) + panel * grouped.groups * kGroupBytes;
    const int16_t* x = grouped.x + first_row * grouped.inputs;
    Vec total[R][V] = {};
    for (int64_t g = 0; g < grouped.groups; ++g) {
      ahead.Next();
      const auto* words = reinterpret_cast<const uint16_t*>(group);
      IntVec acc[R][V];
      for (int r = 0; r < R; ++r) {
        const int32_t sum = grouped.sums[(first_row + r) * grouped.groups + g];
        for (int v = 0; v < V; ++v) acc[r][v] = IntVec{} - sum;
      }
      for (int eight = 0; eight < kGroupInputs / 8; ++eight) {
        for (int v = 0; v < V; ++v) {
          const int output = offset + v * kLanes;
          const WordVec four = LoadAs<WordVec>(words + output / kTileOutputs * kGroupWords +
                                               (eight * kTileOutputs + output % kTileOutputs) * 2);
          for (int i = 0; i < 4; ++i) {
            const auto weight = (ShortVec)(four >> 4 * i & 15);
            for (int r = 0; r < R; ++r) {
              acc[r][v] = AddProducts(acc[r][v], weight,
                                      SplatPair(x + r * grouped.inputs + 8 * eight + 2 * i));
            }
          }
        }
      }
      const uint16_t* scales = words + kTilesAcross * kGroupWords + offset;
      for (int v = 0; v < V; ++v) {
        const Vec scale = Stored<Precision::kBf16>::Widen(scales + v * kLanes);
        for (int r = 0; r < R; ++r) {
          total[r][v] += __builtin_convertvector(acc[r][v], Vec) * scale;
        }
      }
      group += kGroupBytes;
      x += kGroupInputs;
    }
    for (int v = 0; v < V; ++v) {
      const Vec bias = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
      for (int r = 0; r < R; ++r) {
        total[r][v] = Scaled(total[r][v], Splat(grouped.scales[first_row + r]), bias);
      }
    }
    StoreBlock(a, total, a.y + first_row * a.y_stride, column);
  }
};

// Computes `rows` rows, at most R, for one panel. They are block `block` of the `blocks` blocks of
// rows that read the panel.
template <Precision P, int R = kMaxRows>
inline void LinearRows(const LinearArgs& a, const Rows& x, int panel, int64_t row, int64_t rows,
                       int64_t block, int64_t blocks) {
  if constexpr (R > 0) {
    if (rows != R) return LinearRows<P, R - 1>(a, x, panel, row, rows, block, blocks);
    constexpr int kOutputs = LinearBlock<P>::template kOutputs<R>;
    constexpr int kPasses = kPanel / kOutputs;
    constexpr int kDistance =  // bytes, as measured
        P == Precision::kFp32 ? 3072
        : IsInteger(P)        ? 4096
                              : 6144;
    for (int pass = 0; pass < kPasses && panel * kPanel + pass * kOutputs < a.n; ++pass) {
      LinearBlock<P>::template Run<R>(
          a, x, panel, pass * kOutputs, row,
          WeightsAhead<P>(a, panel, block * kPasses + pass, blocks * kPasses,
                          LinearBlock<P>::Steps(a), kDistance));
    }
  }
}

template <Precision P>
void Linear(const LinearArgs& a, int panel_begin, int panel_end) {
  if constexpr (P == Precision::kInt8) {
    const RoundedRows rounded(a);
    for (int64_t r = 0; r < a.rows; ++r) {
      rounded.scales[r] =
          RoundRow(a.x + r * a.x_stride, a.k, kMaxInput, rounded.x + r * rounded.inputs);
    }
  }
  if constexpr (P == Precision::kInt4) {
    const GroupedRows grouped(a);
    for (int64_t r = 0; r < a.rows; ++r) grouped.Fill(a, r);
  }
  // The rows of a tile stay in the L2 cache while all panels are applied to them.
  constexpr int64_t kTile = 8 * kMaxRows;
  static_assert(kTile <= kRowTile);
  for (int64_t tile = 0; tile < a.rows; tile += kTile) {
    const int64_t rows = tile + kTile < a.rows ? kTile : a.rows - tile;
    const int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
    const auto first = [&](int64_t block) { return rows * block / blocks; };
    Rows x[kTile / kMaxRows] = {};
    for (int64_t block = 0; !IsInteger(P) && block < blocks; ++block) {
      x[block] = PackRows(a, tile + first(block), tile + first(block + 1), tile);
    }
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      for (int64_t block = 0; block < blocks; ++block) {
        LinearRows<P>(a, x[block], panel, tile + first(block), first(block + 1) - first(block),
                      block, blocks);
      }
    }
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_LINEAR_H_
