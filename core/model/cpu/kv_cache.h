// Attention keys and values of one sequence, all layers, laid out for the kernels.
#ifndef VIDMUSE_MODEL_CPU_KV_CACHE_H_
#define VIDMUSE_MODEL_CPU_KV_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "core/model/cpu/aligned_buffer.h"

namespace vidmuse::cpu {

// Zeroed at first. Different heads and layers may be written by different threads at once.
class KvCache {
 public:
  // Throws std::bad_alloc.
  KvCache(int layers, int heads, int head_dim, int capacity);

  // Bytes that a cache of this size holds.
  static size_t Bytes(int layers, int heads, int head_dim, int capacity);

  int capacity() const { return capacity_; }
  int value_stride() const { return value_stride_; }

  // [groups][head_dim][kKeyGroup]
  const float* keys(int layer, int head) const { return data_.data() + Offset(layer, head); }
  // [positions][value_stride]
  const float* values(int layer, int head) const { return keys(layer, head) + key_floats_; }

  // Stores one position of one head; `key` and `value` are [head_dim].
  void Write(int layer, int head, int position, const float* key, const float* value);

 private:
  size_t Offset(int layer, int head) const {
    return (static_cast<size_t>(layer) * heads_ + head) * (key_floats_ + value_floats_);
  }

  const int heads_;
  const int head_dim_;
  const int capacity_;  // positions, a multiple of kKeyGroup
  const int value_stride_;
  const size_t key_floats_;
  const size_t value_floats_;
  AlignedBuffer data_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_CACHE_H_
