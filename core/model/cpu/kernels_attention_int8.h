// Attention over int8 keys and values: exact integer products with queries and weights that are
// rounded to 16 bits. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INT8_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INT8_H_

#include "core/model/cpu/kernels_integer.h"
#include "core/model/cpu/kernels_queries.h"
#include "core/model/cpu/kernels_vector.h"

namespace vidmuse::cpu {
namespace {

template <int R>
void RoundQueries(const AttentionArgs& a, Queries<R>& queries) {
  // So small that a whole product of query and key fits into 32 bits.
  const float limit = __builtin_floorf(2147483000.0f / 127 / static_cast<float>(a.head_dim));
  for (int r = 0; r < R; ++r) {
    queries.scale[r] *= RoundRow(queries.q[r], a.head_dim,
                                 limit < kMaxRounded ? limit : kMaxRounded, queries.rounded(r));
  }
}

// Scores of G groups of positions from `group` on.
template <int R, int G>
inline void ScoreGroupsInt8(const AttentionArgs& a, Queries<R>& queries, int64_t group) {
  const int64_t pairs = (a.head_dim + 1) / 2;
  const int64_t group_size = pairs * 2 * kKeyGroup;
  const int8_t* keys = static_cast<const int8_t*>(a.keys) + group * group_size;
  constexpr int kBytes = G * 2 * kKeyGroup;  // that a pair of dimensions takes
  const int8_t* ahead = keys + 2 * G * group_size;
  IntVec acc[G][R][kGroupVecs] = {};
  for (int64_t p = 0; p < pairs; ++p) {
    for (int i = 0; i < kBytes; i += 64) __builtin_prefetch(ahead + i);
    ahead += kBytes;
    for (int g = 0; g < G; ++g) {
      for (int v = 0; v < kGroupVecs; ++v) {
        const ShortVec key =
            LoadInt8Pairs(keys + g * group_size + 2 * (p * kKeyGroup + v * kLanes));
        for (int r = 0; r < R; ++r) {
          acc[g][r][v] = AddProducts(acc[g][r][v], key, SplatPair(queries.rounded(r) + 2 * p));
        }
      }
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int v = 0; v < kGroupVecs; ++v) {
      const int64_t position = (group + g) * kKeyGroup + v * kLanes;
      const Vec scale = Load(a.key_scales + position);
      for (int r = 0; r < R; ++r) {
        Store(queries.scores(r) + position,
              __builtin_convertvector(acc[g][r][v], Vec) * (scale * queries.scale[r]));
      }
    }
  }
}

// Weights to 16 bits, in their place, with a scale a block.
template <int R>
void RoundWeights(Queries<R>& queries) {
  for (int r = 0; r < R; ++r) {
    int64_t block = 0;
    for (int64_t begin = 0; begin < queries.stride; begin += kWeightBlock, ++block) {
      const int64_t left = queries.stride - begin;
      queries.block_scales(r)[block] = RoundRow(
          queries.scores(r) + begin, static_cast<int>(left < kWeightBlock ? left : kWeightBlock),
          kMaxRounded, queries.weights(r) + begin);
    }
  }
}

// Columns [column, column + V vectors) of the weighted sum of values.
template <int R, int V>
void WeightedSumInt8(const AttentionArgs& a, const Queries<R>& queries, int column) {
  static_assert(kWeightBlock <= 2 * kExactPairs);
  const int8_t* values = static_cast<const int8_t*>(a.values) + 2 * column;
  Vec total[R][V] = {};
  int64_t block = 0;
  for (int64_t begin = 0; begin < queries.stride; begin += kWeightBlock, ++block) {
    const int64_t end =
        begin + kWeightBlock < queries.stride ? begin + kWeightBlock : queries.stride;
    IntVec acc[R][V] = {};
    for (int64_t t = begin; t < end; t += 2) {
      const int8_t* pair = values + t * a.value_stride;
      for (int i = 0; i < 2 * V * kLanes; i += 64) __builtin_prefetch(pair + kPrefetchValues + i);
      for (int v = 0; v < V; ++v) {
        const ShortVec x = LoadInt8Pairs(pair + 2 * v * kLanes);
        for (int r = 0; r < R; ++r) {
          acc[r][v] = AddProducts(acc[r][v], x, SplatPair(queries.weights(r) + t));
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) {
        total[r][v] += __builtin_convertvector(acc[r][v], Vec) * queries.block_scales(r)[block];
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      StoreColumns(a, queries, r, column + v * kLanes, total[r][v] * queries.inverse[r]);
    }
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_INT8_H_
