// Attention. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_

#include "core/model/cpu/kernels_vector.h"

namespace vidmuse::cpu {
namespace {

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

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ATTENTION_H_
