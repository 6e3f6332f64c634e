// State of the queries that attention computes together, and prefetching for them. Part of
// impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_QUERIES_H_
#define VIDMUSE_MODEL_CPU_KERNELS_QUERIES_H_

#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

// R queries. Each has one row of the caller's scratch.
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
    stride = Padded(longest);
    blocks = (stride + kWeightBlock - 1) / kWeightBlock;
    const int64_t row = AttentionScratchRow(stride, a.head_dim);
    for (int r = 0; r < R; ++r) scratch[r] = a.scratch + r * row;
  }

  // [stride]: scores, later replaced by weights.
  float* scores(int r) const { return scratch[r]; }
  // [stride]: the quantised weights, which overwrite the weights.
  int16_t* weights(int r) const { return reinterpret_cast<int16_t*>(scratch[r]); }
  // [blocks]: the scale of each block of kWeightBlock quantised weights.
  float* block_scales(int r) const { return scratch[r] + stride; }
  // [blocks]: what PackedOffset in the values adds to a block's sum.
  int32_t* block_offsets(int r) const {
    return reinterpret_cast<int32_t*>(block_scales(r) + blocks);
  }
  // [Padded(head_dim)]: the query followed by zeros; rounded() holds it quantised in the same
  // place.
  float* padded(int r) const { return block_scales(r) + 2 * blocks; }
  int16_t* rounded(int r) const { return reinterpret_cast<int16_t*>(padded(r)); }

  const float* q[R];
  float* out[R];
  int length[R];
  int longest = 0;
  int64_t stride = 0;  // `longest`, rounded up to whole tiles
  int64_t blocks = 0;  // of kWeightBlock weights
  float scale[R];      // of the scores
  int32_t offset[R];   // what PackedOffset in the keys adds to a sum
  float inverse[R];    // 1 / sum of weights
  float* scratch[R];
};

// Prefetches into the L2 cache what attention reads soon: a head's keys, its values block by block,
// and the first of the keys that the next call reads. It stops at the end of each, so that nothing
// is prefetched that is not read.
struct ReadAhead {
  // `positions` is a multiple of kTile. The previous call prefetched the first kPrefetchKeys bytes
  // of keys.
  ReadAhead(const AttentionArgs& a, int64_t positions, int64_t tile_bytes)
      : a(a), column_bytes(positions / kTile * tile_bytes) {
    at = static_cast<const char*>(a.keys);
    end = at + Padded(a.head_dim) / kTile * PaddedPositions(positions) / kTile * tile_bytes;
    at = end - at < kPrefetchKeys ? end : at + kPrefetchKeys;
  }

  void Next(int64_t bytes) {
    if (at >= end && !Advance()) return;
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
    at += bytes;
  }

  // Moves on to what is read next; false if nothing is left.
  bool Advance() {
    const int64_t column = int64_t{block} * kBlockColumns;
    if (column < a.head_dim) {
      at = static_cast<const char*>(a.values) + block * a.value_block;
      end = at + BlockTiles(a.head_dim, column) * column_bytes;
      ++block;
      return true;
    }
    if (last || a.next == nullptr) return false;
    last = true;
    at = static_cast<const char*>(a.next);
    end = at + (a.next_bytes < kPrefetchKeys ? a.next_bytes : kPrefetchKeys);
    return true;
  }

  const AttentionArgs& a;
  const int64_t column_bytes;  // bytes of a column of tiles
  const char* at;
  const char* end;
  int block = 0;      // the next block of values
  bool last = false;  // whether `next` is being prefetched
};

// Stores a vector of a row's results from dimension `column` on. Columns past head_dim are padding
// and are not stored.
template <int R>
inline void StoreColumns(const AttentionArgs& a, const Queries<R>& queries, int r, int64_t column,
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
