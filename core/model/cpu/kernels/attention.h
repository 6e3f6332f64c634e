// Attention. Part of impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_

#include "core/model/cpu/kernels/attention_integer.h"
#include "core/model/cpu/kernels/queries.h"
#include "core/model/cpu/kernels/tiles.h"
#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

template <int R>
void PadQueries(const AttentionArgs& a, Queries<R>& queries) {
  for (int r = 0; r < R; ++r) {
    float* padded = queries.padded(r);
    for (int64_t d = 0; d < Padded(a.head_dim); ++d)
      padded[d] = d < a.head_dim ? queries.q[r][d] : 0;
  }
}

// Computes the scores of G groups of kTile positions, from position `first` on.
template <KvFormat format, int R, int G>
inline void ScoreTiles(const AttentionArgs& a, Queries<R>& queries, int64_t first,
                       ReadAhead& ahead) {
  const int64_t tiles = Padded(a.head_dim) / kTile;
  const char* row =
      static_cast<const char*>(a.keys) + KeyTileIndex(first / kTile, tiles) * TileBytes(format);
  Vec acc[G][R][kTileVecs] = {};
  for (int64_t i = 0; i < tiles; ++i) {
    for (int quad = 0; quad < kTile / 4; ++quad) {
      for (int g = 0; g < G; ++g) ahead.Next(TileBytes(format) / 4);
      for (int g = 0; g < G; ++g) {
        const char* tile = row + (i * kKeyGroups + g) * TileBytes(format);
        for (int v = 0; v < kTileVecs; ++v) {
          Vec key[4];
          LoadFour<format>(tile, quad, v * kLanes, key);
          for (int j = 0; j < 4; ++j) {
            for (int r = 0; r < R; ++r) {
              acc[g][r][v] += key[j] * queries.padded(r)[i * kTile + quad * 4 + j];
            }
          }
        }
      }
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int v = 0; v < kTileVecs; ++v) {
      for (int r = 0; r < R; ++r) {
        Store(queries.scores(r) + first + g * kTile + v * kLanes, acc[g][r][v] * queries.scale[r]);
      }
    }
  }
}

template <KvFormat format, int R, int G>
inline int64_t ScoresFrom(const AttentionArgs& a, Queries<R>& queries, int64_t position,
                          ReadAhead& ahead) {
  for (; position + G * kTile <= queries.stride; position += G * kTile) {
    if constexpr (IsInteger(format)) {
      ScoreTilesInteger<format, R, G>(a, queries, position, ahead);
    } else {
      ScoreTiles<format, R, G>(a, queries, position, ahead);
    }
  }
  return position;
}

template <KvFormat format, int R>
void Scores(const AttentionArgs& a, Queries<R>& queries, ReadAhead& ahead) {
  // Groups scored together: enough independent sums to hide the latency of adding.
  constexpr int kTogether = R == 1 ? 4 : R == 2 ? 2 : 1;
  if constexpr (IsInteger(format)) {
    RoundQueries<format>(a, queries);
  } else {
    PadQueries(a, queries);
  }
  const int64_t position = ScoresFrom<format, R, kTogether>(a, queries, 0, ahead);
  ScoresFrom<format, R, 1>(a, queries, position, ahead);
}

// Turns scores into weights, which are 0 past a row's length and count as often as `counts` says.
// For integer values, each weight is multiplied by its value's scale.
template <KvFormat format, int R>
void Softmax(const AttentionArgs& a, Queries<R>& queries, ReadAhead& ahead) {
  for (int r = 0; r < R; ++r) {
    float* row = queries.scores(r);
    for (int64_t i = queries.length[r]; i < queries.stride; ++i) row[i] = kLowest;
    Vec peaks = Splat(kLowest);
    for (int64_t i = 0; i < queries.stride; i += kLanes) peaks = Max(Load(row + i), peaks);
    const float peak = Largest(peaks);
    Vec sum[kSumVecs] = {};
    static_assert(kTile % kSumLanes == 0);
    for (int64_t i = 0; i < queries.stride; i += kSumLanes) {
      for (int v = 0; v < kSumVecs; ++v) {
        const int64_t at = i + v * kLanes;
        if (r == 0) ahead.Next(kPrefetchWeights);
        Vec weight = Exp(Load(row + at) - peak);
        if (a.counts != nullptr) weight = Rounded(weight * Load(a.counts + at));
        sum[v] += weight;
        if constexpr (IsInteger(format)) {
          weight *= Stored<Precision::kBf16>::Widen(a.value_scales + at);
        }
        Store(row + at, weight);
      }
    }
    queries.inverse[r] = 1.0f / Sum(sum);
  }
}

// Computes the weighted sum of the values in T tiles side by side, from dimension `column` on.
template <KvFormat format, int R, int T>
void WeightedSum(const AttentionArgs& a, const Queries<R>& queries, const char* tile,
                 int64_t column, ReadAhead& ahead) {
  Vec acc[R][T][kTileVecs] = {};
  for (int64_t t = 0; t < queries.stride; t += kTile) {
    for (int c = 0; c < T; ++c, tile += TileBytes(format)) {
      ahead.Next(TileBytes(format));
      for (int quad = 0; quad < kTile / 4; ++quad) {
        for (int v = 0; v < kTileVecs; ++v) {
          Vec value[4];
          LoadFour<format>(tile, quad, v * kLanes, value);
          for (int j = 0; j < 4; ++j) {
            for (int r = 0; r < R; ++r) {
              acc[r][c][v] += value[j] * queries.scores(r)[t + quad * 4 + j];
            }
          }
        }
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < T; ++c) {
      for (int v = 0; v < kTileVecs; ++v) {
        StoreColumns(a, queries, r, column + c * kTile + v * kLanes,
                     acc[r][c][v] * queries.inverse[r]);
      }
    }
  }
}

// Computes the weighted sum of one block of values, which is `tiles` tiles wide (at most T).
template <KvFormat format, int R, int T = kBlockColumns / kTile>
inline void WeightedSumBlock(const AttentionArgs& a, const Queries<R>& queries, const char* values,
                             int64_t column, int64_t tiles, ReadAhead& ahead) {
  if constexpr (T > 0) {
    if (tiles != T) {
      return WeightedSumBlock<format, R, T - 1>(a, queries, values, column, tiles, ahead);
    }
    if constexpr (IsInteger(format)) {
      WeightedSumInteger<format, R, T>(a, queries, values, column, ahead);
    } else {
      WeightedSum<format, R, T>(a, queries, values, column, ahead);
    }
  }
}

template <KvFormat format, int R>
void WeightedSums(const AttentionArgs& a, const Queries<R>& queries, ReadAhead& ahead) {
  const char* values = static_cast<const char*>(a.values);
  for (int64_t column = 0; column < a.head_dim; column += kBlockColumns) {
    WeightedSumBlock<format, R>(a, queries, values, column, BlockTiles(a.head_dim, column), ahead);
    values += a.value_block;
  }
}

template <KvFormat format, int R>
void AttentionRows(const AttentionArgs& a, int first_row) {
  Queries<R> queries(a, first_row);
  ReadAhead ahead(a, queries.stride, TileBytes(format));
  Scores<format, R>(a, queries, ahead);
  Softmax<format, R>(a, queries, ahead);
  if constexpr (IsInteger(format)) RoundWeights<format>(queries);
  WeightedSums<format, R>(a, queries, ahead);
}

template <KvFormat format>
void Attention(const AttentionArgs& a) {
  int row = 0;
  for (; row + 4 <= a.rows; row += 4) AttentionRows<format, 4>(a, row);
  for (; row + 2 <= a.rows; row += 2) AttentionRows<format, 2>(a, row);
  for (; row < a.rows; ++row) AttentionRows<format, 1>(a, row);
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
