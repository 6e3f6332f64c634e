// Queries of attention on their way. Part of kernels_impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_QUERIES_H_
#define VIDMUSE_MODEL_CPU_KERNELS_QUERIES_H_

#include "core/model/cpu/kernels_vector.h"

namespace vidmuse::cpu {
namespace {

// R queries, with their part of the caller's scratch: a row of it each.
template <int R>
struct Queries {
  Queries(const AttentionArgs& a, int first_row) {
    for (int r = 0; r < R; ++r) {
      q[r] = a.q + (first_row + r) * a.q_stride;
      out[r] = a.out + (first_row + r) * a.out_stride;
      length[r] = a.lengths[first_row + r];
      if (length[r] > longest) longest = length[r];
      scale[r] = a.scale;
    }
    stride = (longest + int64_t{kKeyGroup} - 1) / kKeyGroup * kKeyGroup;
    const int64_t row = AttentionScratchRow(stride, a.head_dim);
    for (int r = 0; r < R; ++r) scratch[r] = a.scratch + r * row;
  }

  // [stride] scores, then weights.
  float* scores(int r) const { return scratch[r]; }
  // Of int8, [stride]: the weights rounded, where they are.
  int16_t* weights(int r) const { return reinterpret_cast<int16_t*>(scratch[r]); }
  // Of int8: a scale for each kWeightBlock weights.
  float* block_scales(int r) const { return scratch[r] + stride; }
  // Of int8, [KeyDims(head_dim)]: the query rounded.
  int16_t* rounded(int r) const {
    return reinterpret_cast<int16_t*>(block_scales(r) + (stride + kWeightBlock - 1) / kWeightBlock);
  }

  const float* q[R];
  float* out[R];
  int length[R];
  int longest = 0;
  int64_t stride = 0;  // `longest`, rounded up to whole groups
  float scale[R];      // of the scores
  int32_t offset[R];   // of packed keys: what their offset adds to a sum
  float inverse[R];    // 1 / sum of weights
  float* scratch[R];
};

// Brings what is read soon, `bytes` at a time: along one stretch of memory up to its end, then
// along another. Past an end it would bring what nobody reads.
struct ReadAhead {
  void Next() {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
    at += step;
    if (at >= end) {
      at = then;
      end = reinterpret_cast<const char*>(UINTPTR_MAX);
    }
  }

  const char* at;
  const char* end;
  const char* then;
  int64_t bytes, step;
};

// A vector of a row's results, from `column` on; columns past head_dim are padding.
template <int R>
inline void StoreColumns(const AttentionArgs& a, const Queries<R>& queries, int r, int column,
                         Vec result) {
  if (column + kLanes <= a.head_dim) {
    Store(queries.out[r] + column, result);
  } else {
    for (int i = 0; column + i < a.head_dim; ++i) queries.out[r][column + i] = result[i];
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_QUERIES_H_
