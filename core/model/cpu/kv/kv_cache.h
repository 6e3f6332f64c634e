// The KV cache of one sequence: keys and values of all layers, laid out for the kernels.
#ifndef VIDMUSE_MODEL_CPU_KV_KV_CACHE_H_
#define VIDMUSE_MODEL_CPU_KV_KV_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/cpu/kernels/aligned_buffer.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/kv/kv_format.h"
#include "core/model/cpu/kv/kv_memory.h"

namespace vidmuse::cpu {

// Different heads, layers and groups of kTile positions may be written by different threads at
// once. The first position of a group must be written first, because writing it clears the whole
// group.
class KvCache {
 public:
  // If `memory` is given, the buffer is taken from it and given back when the cache is destroyed.
  // Throws std::bad_alloc.
  KvCache(KvFormat format, int layers, int heads, int head_dim, int capacity,
          std::shared_ptr<KvMemory> memory = nullptr);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // Bytes that a cache of this size holds.
  static size_t Bytes(KvFormat format, int layers, int heads, int head_dim, int capacity);

  KvFormat format() const { return format_; }
  int capacity() const { return sizes_.capacity; }

  // One head's keys, which are read before its values.
  const void* keys(int layer, int head) const { return base_ + Offset(layer, head); }
  // Bytes of one head's keys for the first `positions` positions, padded.
  int64_t KeyBytes(int positions) const {
    return PaddedPositions(positions) / kTile * (Padded(head_dim_) / kTile) * TileBytes(format_);
  }

  // Points `args` at one head's keys and values.
  void Describe(int layer, int head, AttentionArgs* args) const;

  // Stores `count` positions of one head from `position` on. The i-th has its key and its value,
  // [head_dim] each, at keys + i * stride and values + i * stride.
  void Write(int layer, int head, int position, int count, const float* keys, const float* values,
             int64_t stride);

  // What the keys of each channel were multiplied by before they were written, [head_dim]: the
  // queries are divided by it. For integer formats, and meant only once it is fitted.
  float* key_factors(int layer, int head) const {
    return reinterpret_cast<float*>(base_ + Offset(layer, head) + sizes_.head() - sizes_.factors);
  }
  bool fitted() const { return fitted_; }
  void set_fitted() { fitted_ = true; }

  // Says how often the weight of each position counts, for the positions that are written; without
  // it, once.
  void set_counts(std::vector<float> counts);

  // Prefetches the memory that Write() of `position` will touch.
  void PrefetchPosition(int layer, int head, int position) const;

 private:
  // Bytes of one head, part by part.
  struct Sizes {
    Sizes(KvFormat format, int head_dim, int positions);
    size_t head() const { return keys + values + 2 * scales + factors; }
    int capacity;  // positions, padded
    size_t keys, values;
    size_t scales;   // of the keys' scales; the values' take as many
    size_t factors;  // of the channels of keys
  };

  // One head's memory.
  struct Head {
    char* keys;
    char* values;
    uint16_t *key_scales, *value_scales;
  };

  size_t Offset(int layer, int head) const {
    return (static_cast<size_t>(layer) * heads_ + head) * sizes_.head();
  }
  // Bytes of a block of kBlockColumns dimensions of the values.
  size_t ValueBlock() const;
  Head Find(int layer, int head) const;

  // The tile that holds dimension `dim` of one group of positions.
  template <KvFormat format>
  char* KeyTile(const Head& head, int group, int dim) const;
  template <KvFormat format>
  char* ValueTile(const Head& head, int group, int dim) const;
  template <KvFormat format>
  void ClearGroup(const Head& head, int group);
  template <KvFormat format>
  void WritePosition(const Head& head, int position, const float* key, const float* value);
  // Writes a whole group of kTile positions.
  template <KvFormat format>
  void WriteGroup(const Head& head, int group, const float* keys, const float* values,
                  int64_t stride);
  template <KvFormat format>
  void WriteAs(const Head& head, int position, int count, const float* keys, const float* values,
               int64_t stride);

  const KvFormat format_;
  const int heads_;
  const int head_dim_;
  const Sizes sizes_;
  const std::shared_ptr<KvMemory> memory_;
  AlignedBuffer data_;
  char* base_;  // start of data_
  bool fitted_ = false;
  std::vector<float> counts_;  // padded with zeros to `capacity`; empty: each position counts once
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_KV_CACHE_H_
