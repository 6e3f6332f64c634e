// Attention. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_

#include "core/model/cpu/kernels_attention_int8.h"
#include "core/model/cpu/kernels_queries.h"
#include "core/model/cpu/kernels_vector.h"

namespace vidmuse::cpu {
namespace {

// Scores of G groups of positions from `group` on.
template <Precision P, int R, int G>
inline void ScoreGroups(const AttentionArgs& a, Queries<R>& queries, int64_t group,
                        ReadAhead& ahead) {
  typedef typename Stored<P>::Type Type;
  const int64_t group_size = int64_t{a.head_dim} * kKeyGroup;
  const Type* keys = static_cast<const Type*>(a.keys) + group * group_size;
  Vec acc[G][R][kGroupVecs] = {};
  for (int d = 0; d < a.head_dim; ++d) {
    for (int g = 0; g < G; ++g) ahead.Next();
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
      for (int r = 0; r < R; ++r) {
        Store(queries.scores(r) + position, acc[g][r][v] * queries.scale[r]);
      }
    }
  }
}

template <Precision P, KeyBits bits, int R, int G>
inline int64_t ScoreGroupsFrom(const AttentionArgs& a, Queries<R>& queries, int64_t group,
                               ReadAhead& ahead) {
  const int64_t groups = queries.stride / kKeyGroup;
  for (; group + G <= groups; group += G) {
    if constexpr (P == Precision::kInt8) {
      ScoreGroupsInt8<bits, R, G>(a, queries, group, ahead);
    } else {
      ScoreGroups<P, R, G>(a, queries, group, ahead);
    }
  }
  return group;
}

template <Precision P, KeyBits bits, int R>
void Scores(const AttentionArgs& a, Queries<R>& queries) {
  constexpr int kTogether = R == 1 ? 4 : R == 2 ? 2 : 1;  // enough chains to hide their latency
  constexpr bool kInteger = P == Precision::kInt8;
  if constexpr (kInteger) RoundQueries(a, queries);
  // Keys are brought some groups ahead: hardware follows no streams so short. Then the values.
  constexpr int64_t kPiece = kInteger ? KeyBytes(bits, kKeyGroup, kKeyUnit)
                                      : kKeyGroup * int64_t{sizeof(typename Stored<P>::Type)};
  const int64_t group_bytes = kPiece * (kInteger ? KeyDims(a.head_dim) / kKeyUnit : a.head_dim);
  const char* keys = static_cast<const char*>(a.keys);
  ReadAhead ahead = {keys + (kInteger ? 2 : 1) * kTogether * group_bytes,
                     keys + queries.stride / kKeyGroup * group_bytes,
                     static_cast<const char*>(a.values), kPiece, kPiece};
  const int64_t group = ScoreGroupsFrom<P, bits, R, kTogether>(a, queries, 0, ahead);
  ScoreGroupsFrom<P, bits, R, 1>(a, queries, group, ahead);
}

// Bytes of the values that are read.
template <Precision P, int R>
int64_t ValueBytes(const AttentionArgs& a, const Queries<R>& queries) {
  return queries.stride * a.value_stride * static_cast<int64_t>(PrecisionBytes(P));
}

// Scores to weights, 0 past a row's length. The weights of int8 values have their scales in them.
// Meanwhile memory brings the first values.
template <Precision P, int R>
void Softmax(const AttentionArgs& a, Queries<R>& queries) {
  const auto bytes = static_cast<int64_t>(kLanes * a.value_stride * PrecisionBytes(P));
  const char* ahead = static_cast<const char*>(a.values);
  const int64_t used = ValueBytes<P>(a, queries);
  const char* end = ahead + (used < kPrefetchValues ? used : kPrefetchValues);
  for (int r = 0; r < R; ++r) {
    float* row = queries.scores(r);
    for (int64_t i = queries.length[r]; i < queries.stride; ++i) row[i] = kLowest;
    Vec peaks = Splat(kLowest);
    for (int64_t i = 0; i < queries.stride; i += kLanes) peaks = Max(Load(row + i), peaks);
    float peak = kLowest;
    for (int i = 0; i < kLanes; ++i) peak = peaks[i] > peak ? peaks[i] : peak;
    Vec sum = {};
    for (int64_t i = 0; i < queries.stride; i += kLanes) {
      if (r == 0 && ahead < end) {
        for (int64_t j = 0; j < bytes; j += 64) __builtin_prefetch(ahead + j, 0, 2);
        ahead += bytes;
      }
      Vec weight = Exp(Load(row + i) - peak);
      sum += weight;
      if constexpr (P == Precision::kInt8)
        weight *= Stored<Precision::kBf16>::Widen(a.value_scales + i);
      Store(row + i, weight);
    }
    queries.inverse[r] = 1.0f / Sum(sum);
  }
}

// Columns [column, column + V vectors) of the weighted sum of values; even and odd positions have a
// chain of their own each.
template <Precision P, int R, int V>
void WeightedSum(const AttentionArgs& a, const Queries<R>& queries, int column, ReadAhead ahead) {
  typedef typename Stored<P>::Type Type;
  const Type* values = static_cast<const Type*>(a.values) + column;
  Vec even[R][V] = {};
  Vec odd[R][V] = {};
  const auto add = [&](Vec(*acc)[V], int64_t t) {
    ahead.Next();
    for (int v = 0; v < V; ++v) {
      const Vec x = Stored<P>::Widen(values + t * a.value_stride + v * kLanes);
      for (int r = 0; r < R; ++r) acc[r][v] += x * queries.scores(r)[t];
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
      StoreColumns(a, queries, r, column + v * kLanes,
                   (even[r][v] + odd[r][v]) * queries.inverse[r]);
    }
  }
}

// All whole V vectors of columns from `column` on. Values are brought kPrefetchValues ahead; after
// the last of a column, the first of the next one, and at the end what is read after all.
template <Precision P, int R, int V>
inline int WeightedSumFrom(const AttentionArgs& a, const Queries<R>& queries, int column) {
  // Neighbouring positions of integers lie side by side.
  constexpr int64_t kNumber = int64_t{PrecisionBytes(P)} * (P == Precision::kInt8 ? 2 : 1);
  const char* values = static_cast<const char*>(a.values);
  for (; column + V * kLanes <= a.value_stride; column += V * kLanes) {
    const char* begin = values + column * kNumber;
    const bool last = column + V * kLanes == a.value_stride;
    const char* then = last ? static_cast<const char*>(a.next) : begin + V * kLanes * kNumber;
    const int64_t used = ValueBytes<P>(a, queries);
    ReadAhead ahead = {begin + kPrefetchValues, values + used, then != nullptr ? then : values,
                       V * kLanes * kNumber, a.value_stride * kNumber};
    if (ahead.at >= ahead.end) ahead.at = ahead.then;
    if constexpr (P == Precision::kInt8) {
      WeightedSumInt8<R, V>(a, queries, column, ahead);
    } else {
      WeightedSum<P, R, V>(a, queries, column, ahead);
    }
  }
  return column;
}

template <Precision P, KeyBits bits, int R>
void AttentionRows(const AttentionArgs& a, int first_row) {
  Queries<R> queries(a, first_row);
  Scores<P, bits, R>(a, queries);
  Softmax<P, R>(a, queries);
  if constexpr (P == Precision::kInt8) RoundWeights(queries);
  const int column = WeightedSumFrom<P, R, 4>(a, queries, 0);
  WeightedSumFrom<P, R, 1>(a, queries, column);
}

// `bits`: of int8's keys.
template <Precision P, KeyBits bits = KeyBits::k8>
void Attention(const AttentionArgs& a) {
  int row = 0;
  for (; row + 4 <= a.rows; row += 4) AttentionRows<P, bits, 4>(a, row);
  for (; row + 2 <= a.rows; row += 2) AttentionRows<P, bits, 2>(a, row);
  for (; row < a.rows; ++row) AttentionRows<P, bits, 1>(a, row);
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
