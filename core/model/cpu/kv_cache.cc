#include "core/model/cpu/kv_cache.h"

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/narrow.h"

namespace vidmuse::cpu {
namespace {

int RoundUp(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// keys[i * kKeyGroup] and values[i] become narrow(key[i]) and narrow(value[i]).
template <typename T, typename NarrowKey, typename NarrowValue>
void Store(const float* key, const float* value, int n, T* keys, T* values, NarrowKey narrow_key,
           NarrowValue narrow_value) {
  for (int i = 0; i < n; ++i) keys[static_cast<size_t>(i) * kKeyGroup] = narrow_key(key[i]);
  for (int i = 0; i < n; ++i) values[i] = narrow_value(value[i]);
}

}  // namespace

KvCache::Sizes::Sizes(Precision precision, int head_dim, int positions)
    : capacity(RoundUp(positions, kKeyGroup)),
      value_stride(RoundUp(head_dim, kKeyGroup)),
      keys(PrecisionBytes(precision) * capacity * head_dim),
      values(PrecisionBytes(precision) * capacity * value_stride),
      scales(precision == Precision::kInt8 ? sizeof(float) * capacity : 0) {}

KvCache::KvCache(Precision precision, int layers, int heads, int head_dim, int capacity)
    : precision_(precision),
      heads_(heads),
      head_dim_(head_dim),
      sizes_(precision, head_dim, capacity),
      data_(sizes_.head() * layers * heads) {}

size_t KvCache::Bytes(Precision precision, int layers, int heads, int head_dim, int capacity) {
  return Sizes(precision, head_dim, capacity).head() * layers * heads;
}

void KvCache::Describe(int layer, int head, AttentionArgs* args) const {
  const char* keys = data_.data<char>() + Offset(layer, head);
  const char* scales = keys + sizes_.keys + sizes_.values;
  args->keys = keys;
  args->values = keys + sizes_.keys;
  args->key_scales = reinterpret_cast<const float*>(scales);
  args->value_scales = reinterpret_cast<const float*>(scales + sizes_.scales);
  args->head_dim = head_dim_;
  args->value_stride = sizes_.value_stride;
}

void KvCache::Write(int layer, int head, int position, const float* key, const float* value) {
  char* base = data_.data<char>() + Offset(layer, head);
  const size_t group = static_cast<size_t>(position / kKeyGroup) * head_dim_ * kKeyGroup;
  const size_t key_at = group + position % kKeyGroup;
  const size_t value_at = static_cast<size_t>(position) * sizes_.value_stride;
  const auto store = [&](auto* keys, auto narrow_key, auto narrow_value) {
    auto* values = reinterpret_cast<decltype(keys)>(base + sizes_.keys);
    Store(key, value, head_dim_, keys + key_at, values + value_at, narrow_key, narrow_value);
  };
  switch (precision_) {
    case Precision::kFp32: {
      const auto same = [](float x) { return x; };
      return store(reinterpret_cast<float*>(base), same, same);
    }
    case Precision::kBf16:
      return store(reinterpret_cast<uint16_t*>(base), FloatToBf16, FloatToBf16);
    case Precision::kFp16:
      return store(reinterpret_cast<uint16_t*>(base), FloatToHalf, FloatToHalf);
    case Precision::kInt8: {
      auto* scales = reinterpret_cast<float*>(base + sizes_.keys + sizes_.values) + position;
      const auto narrow = [this](const float* x, float* scale) {
        *scale = Int8Scale(x, head_dim_);
        return [inverse = Int8Inverse(*scale)](float v) { return FloatToInt8(v, inverse); };
      };
      const auto narrow_key = narrow(key, scales);
      const auto narrow_value = narrow(value, scales + sizes_.capacity);
      return store(reinterpret_cast<int8_t*>(base), narrow_key, narrow_value);
    }
  }
}

}  // namespace vidmuse::cpu
