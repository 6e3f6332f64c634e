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
  // So small that every sum of products of query and key fits into 32 bits.
  const float limit = __builtin_floorf(2147483000.0f / 127 / static_cast<float>(a.head_dim));
  for (int r = 0; r < R; ++r) {
    int16_t* rounded = queries.rounded(r);
    queries.scale[r] *=
        RoundRow(queries.q[r], a.head_dim, limit < kMaxRounded ? limit : kMaxRounded, rounded);
    for (int64_t d = a.head_dim; d < KeyDims(a.head_dim); ++d) rounded[d] = 0;
    int32_t sum = 0;
    for (int d = 0; d < a.head_dim; ++d) sum += rounded[d];
    queries.offset[r] = kPackedKeyOffset * sum;
  }
}

// A unit's pairs of keys at some positions; of 6 bits they are kPackedKeyOffset too large.
template <KeyBits bits>
inline void LoadKeys(const char* unit, int position, ShortVec (&keys)[kKeyUnit / 2]) {
  if constexpr (bits == KeyBits::k8) {
    const int8_t* numbers = reinterpret_cast<const int8_t*>(unit) + 2 * position;
    for (int p = 0; p < kKeyUnit / 2; ++p) keys[p] = LoadInt8Pairs(numbers + p * 2 * kKeyGroup);
  } else {
    const uint16_t* words = reinterpret_cast<const uint16_t*>(unit) + 2 * position;
    const WordVec a = LoadWords(words);
    const WordVec b = LoadWords(words + 2 * kKeyGroup);
    const WordVec c = LoadWords(words + 4 * kKeyGroup);
    keys[0] = (ShortVec)(a & 63);
    keys[1] = (ShortVec)(a >> 6 & 63);
    keys[2] = (ShortVec)(b & 63);
    keys[3] = (ShortVec)(b >> 6 & 63);
    keys[4] = (ShortVec)(c & 63);
    keys[5] = (ShortVec)(c >> 6 & 63);
    keys[6] = (ShortVec)(a >> 12 | (c >> 8 & 48));
    keys[7] = (ShortVec)(b >> 12 | (c >> 10 & 48));
  }
}

// Scores of G groups of positions from `group` on.
template <KeyBits bits, int R, int G>
inline void ScoreGroupsInt8(const AttentionArgs& a, Queries<R>& queries, int64_t group,
                            ReadAhead& ahead) {
  constexpr int64_t kUnitBytes = KeyBytes(bits, kKeyGroup, kKeyUnit);
  const int64_t units = KeyDims(a.head_dim) / kKeyUnit;
  const int64_t group_bytes = units * kUnitBytes;
  const char* keys = static_cast<const char*>(a.keys) + group * group_bytes;
  IntVec acc[G][R][kGroupVecs] = {};
  for (int64_t unit = 0; unit < units; ++unit) {
    for (int g = 0; g < G; ++g) ahead.Next();
    for (int g = 0; g < G; ++g) {
      for (int v = 0; v < kGroupVecs; ++v) {
        ShortVec key[kKeyUnit / 2];
        LoadKeys<bits>(keys + g * group_bytes + unit * kUnitBytes, v * kLanes, key);
        for (int p = 0; p < kKeyUnit / 2; ++p) {
          for (int r = 0; r < R; ++r) {
            acc[g][r][v] = AddProducts(acc[g][r][v], key[p],
                                       SplatPair(queries.rounded(r) + unit * kKeyUnit + 2 * p));
          }
        }
      }
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int v = 0; v < kGroupVecs; ++v) {
      const int64_t position = (group + g) * kKeyGroup + v * kLanes;
      const Vec scale = Stored<Precision::kBf16>::Widen(a.key_scales + position);
      for (int r = 0; r < R; ++r) {
        const IntVec sum = bits == KeyBits::k8 ? acc[g][r][v] : acc[g][r][v] - queries.offset[r];
        Store(queries.scores(r) + position,
              __builtin_convertvector(sum, Vec) * (scale * queries.scale[r]));
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
void WeightedSumInt8(const AttentionArgs& a, const Queries<R>& queries, int column,
                     ReadAhead ahead) {
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
      ahead.Next();
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
