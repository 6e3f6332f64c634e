// Attention keys and values of one sequence, all layers, laid out for the kernels.
#ifndef VIDMUSE_MODEL_CPU_KV_CACHE_H_
#define VIDMUSE_MODEL_CPU_KV_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "core/model/cpu/aligned_buffer.h"
#include "core/model/cpu/integer_keys.h"
#include "core/model/cpu/kernels.h"
#include "core/model/cpu/precision.h"

namespace vidmuse::cpu {

// Zeroed at first. Different heads and layers may be written by different threads at once.
class KvCache {
 public:
  // Stores KeyValuePrecision(weights). Throws std::bad_alloc.
  KvCache(Precision weights, int layers, int heads, int head_dim, int capacity);

  // Bytes that a cache of this size holds.
  static size_t Bytes(Precision weights, int layers, int heads, int head_dim, int capacity);

  int capacity() const { return sizes_.capacity; }

  // One head's keys, which are read before its values.
  const void* keys(int layer, int head) const { return data_.data<char>() + Offset(layer, head); }

  // Points `args` at one head's keys and values.
  void Describe(int layer, int head, AttentionArgs* args) const;

  // Stores one position of one head; `key` and `value` are [head_dim].
  void Write(int layer, int head, int position, const float* key, const float* value);

 private:
  // Bytes of one head, part by part.
  struct Sizes {
    Sizes(Precision precision, KeyBits key_bits, int head_dim, int capacity);
    size_t head() const { return keys + values + 2 * scales; }
    int capacity;      // positions, a multiple of kKeyGroup
    int value_stride;  // numbers
    size_t keys, values;
    size_t scales;  // of the keys, and again of the values
  };

  size_t Offset(int layer, int head) const {
    return (static_cast<size_t>(layer) * heads_ + head) * sizes_.head();
  }

  const Precision precision_;
  const KeyBits key_bits_;  // if they are integers
  const int heads_;
  const int head_dim_;
  const Sizes sizes_;
  AlignedBuffer data_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_CACHE_H_
