#include "core/model/cpu/kv_cache.h"

#include <cstring>

#include "core/model/cpu/kernels.h"

namespace vidmuse::cpu {
namespace {

int RoundUp(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

KvCache::KvCache(int layers, int heads, int head_dim, int capacity)
    : heads_(heads),
      head_dim_(head_dim),
      capacity_(RoundUp(capacity, kKeyGroup)),
      value_stride_(RoundUp(head_dim, kKeyGroup)),
      key_floats_(static_cast<size_t>(capacity_) * head_dim),
      value_floats_(static_cast<size_t>(capacity_) * value_stride_),
      data_((key_floats_ + value_floats_) * layers * heads) {}

size_t KvCache::Bytes(int layers, int heads, int head_dim, int capacity) {
  return static_cast<size_t>(RoundUp(capacity, kKeyGroup)) *
         (head_dim + RoundUp(head_dim, kKeyGroup)) * layers * heads * sizeof(float);
}

void KvCache::Write(int layer, int head, int position, const float* key, const float* value) {
  float* base = data_.data() + Offset(layer, head);
  float* group = base + static_cast<size_t>(position / kKeyGroup) * head_dim_ * kKeyGroup +
                 position % kKeyGroup;
  for (int d = 0; d < head_dim_; ++d) group[static_cast<size_t>(d) * kKeyGroup] = key[d];
  std::memcpy(base + key_floats_ + static_cast<size_t>(position) * value_stride_, value,
              static_cast<size_t>(head_dim_) * sizeof(float));
}

}  // namespace vidmuse::cpu
