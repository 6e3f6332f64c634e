// Attention over integer keys and values: queries and weights are quantised to 16 bits, and their
// products are exact integers. Part of impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INTEGER_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INTEGER_H_

#include "core/model/cpu/kernels/integer.h"
#include "core/model/cpu/kernels/queries.h"
#include "core/model/cpu/kernels/tiles.h"
#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

template <KvFormat format, int R>
void RoundQueries(const AttentionArgs& a, Queries<R>& queries) {
  // With this limit, every sum of products of query and key fits into 32 bits.
  const float limit = __builtin_floorf(2147483000.0f / 127 / static_cast<float>(a.head_dim));
  for (int r = 0; r < R; ++r) {
    int16_t* rounded = queries.rounded(r);
    queries.scale[r] *=
        RoundRow(queries.q[r], a.head_dim, limit < kMaxRounded ? limit : kMaxRounded, rounded);
    for (int64_t d = a.head_dim; d < Padded(a.head_dim); ++d) rounded[d] = 0;
    int32_t sum = 0;
    for (int d = 0; d < a.head_dim; ++d) sum += rounded[d];
    queries.offset[r] = PackedOffset(format) * sum;
  }
}

// Computes the scores of G groups of kTile positions, from position `first` on.
template <KvFormat format, int R, int G>
inline void ScoreTilesInteger(const AttentionArgs& a, Queries<R>& queries, int64_t first,
                              ReadAhead& ahead) {
  const int64_t tiles = Padded(a.head_dim) / kTile;
  const char* row =
      static_cast<const char*>(a.keys) + KeyTileIndex(first / kTile, tiles) * TileBytes(format);
  IntVec acc[G][R][kTileVecs] = {};
  for (int64_t i = 0; i < tiles; ++i) {
    for (int g = 0; g < G; ++g) ahead.Next(TileBytes(format));
    for (int g = 0; g < G; ++g) {
      const char* tile = row + (i * kKeyGroups + g) * TileBytes(format);
      for (int v = 0; v < kTileVecs; ++v) {
        ShortVec key[kTile / 2];
        LoadPairs<format>(tile, v * kLanes, key);
        for (int p = 0; p < kTile / 2; ++p) {
          for (int r = 0; r < R; ++r) {
            acc[g][r][v] = AddProducts(acc[g][r][v], key[p],
                                       SplatPair(queries.rounded(r) + i * kTile + 2 * p));
          }
        }
      }
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int v = 0; v < kTileVecs; ++v) {
      const int64_t position = first + g * kTile + v * kLanes;
      const Vec scale = Stored<Precision::kBf16>::Widen(a.key_scales + position);
      for (int r = 0; r < R; ++r) {
        Store(queries.scores(r) + position,
              __builtin_convertvector(acc[g][r][v] - queries.offset[r], Vec) *
                  (scale * queries.scale[r]));
      }
    }
  }
}

// Quantises weights to 16 bits in place, with one scale for each block of kWeightBlock.
template <KvFormat format, int R>
void RoundWeights(Queries<R>& queries) {
  const ShortVec ones = ShortVec{} + 1;
  for (int r = 0; r < R; ++r) {
    for (int64_t block = 0; block < queries.blocks; ++block) {
      const int64_t begin = block * kWeightBlock;
      const int64_t left = queries.stride - begin;
      const int64_t count = left < kWeightBlock ? left : kWeightBlock;
      int16_t* weights = queries.weights(r) + begin;
      queries.block_scales(r)[block] =
          RoundRow(queries.scores(r) + begin, static_cast<int>(count), kMaxRounded, weights);
      if constexpr (PackedOffset(format) == 0) {
        queries.block_offsets(r)[block] = 0;
        continue;
      }
      // The memory after the last weight is free: the floats in it have already been quantised.
      for (int64_t i = count; i % (2 * kLanes) != 0; ++i) weights[i] = 0;
      IntVec sums = {};
      for (int64_t i = 0; i < count; i += 2 * kLanes) {
        sums = AddProducts(sums, LoadAs<ShortVec>(weights + i), (IntVec)ones);
      }
      queries.block_offsets(r)[block] = PackedOffset(format) * Sum(sums);
    }
  }
}

// Computes the weighted sum of the values in T tiles side by side, from dimension `column` on.
template <KvFormat format, int R, int T>
void WeightedSumInteger(const AttentionArgs& a, const Queries<R>& queries, const char* tile,
                        int64_t column, ReadAhead& ahead) {
  static_assert(kWeightBlock <= 2 * kExactPairs);
  Vec total[R][T][kTileVecs] = {};
  for (int64_t block = 0; block < queries.blocks; ++block) {
    const int64_t begin = block * kWeightBlock;
    const int64_t end =
        begin + kWeightBlock < queries.stride ? begin + kWeightBlock : queries.stride;
    IntVec acc[R][T][kTileVecs] = {};
    for (int64_t t = begin; t < end; t += kTile) {
      for (int c = 0; c < T; ++c, tile += TileBytes(format)) {
        ahead.Next(TileBytes(format));
        for (int v = 0; v < kTileVecs; ++v) {
          ShortVec value[kTile / 2];
          LoadPairs<format>(tile, v * kLanes, value);
          for (int p = 0; p < kTile / 2; ++p) {
            for (int r = 0; r < R; ++r) {
              acc[r][c][v] =
                  AddProducts(acc[r][c][v], value[p], SplatPair(queries.weights(r) + t + 2 * p));
            }
          }
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      const float scale = queries.block_scales(r)[block];
      const int32_t offset = queries.block_offsets(r)[block];
      for (int c = 0; c < T; ++c) {
        for (int v = 0; v < kTileVecs; ++v) {
          total[r][c][v] += __builtin_convertvector(acc[r][c][v] - offset, Vec) * scale;
        }
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < T; ++c) {
      for (int v = 0; v < kTileVecs; ++v) {
        StoreColumns(a, queries, r, column + c * kTile + v * kLanes,
                     total[r][c][v] * queries.inverse[r]);
      }
    }
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INTEGER_H_
