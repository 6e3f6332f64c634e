#include "core/model/cpu/kv_cache.h"

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/narrow.h"

namespace vidmuse::cpu {
namespace {

int RoundUp(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// Position `position` of `keys` and `values` becomes narrow(key[i]) and narrow(value[i]).
template <typename T, typename Narrow>
void Store(const float* key, const float* value, int n, int position, int value_stride, T* keys,
           T* values, Narrow narrow) {
  keys += static_cast<size_t>(position / kKeyGroup) * n * kKeyGroup + position % kKeyGroup;
  values += static_cast<size_t>(position) * value_stride;
  for (int i = 0; i < n; ++i) keys[static_cast<size_t>(i) * kKeyGroup] = narrow(key[i]);
  for (int i = 0; i < n; ++i) values[i] = narrow(value[i]);
}

// Likewise for int8. The scales of all positions are in `scales`, of the values `capacity` further.
void StoreInt8(const float* key, const float* value, int n, int position, int value_stride,
               int8_t* keys, int8_t* values, float* scales, int capacity) {
  const float key_scale = scales[position] = Int8Scale(key, n);
  const float value_scale = scales[position + capacity] = Int8Scale(value, n);
  const float key_inverse = Int8Inverse(key_scale), value_inverse = Int8Inverse(value_scale);
  keys += static_cast<size_t>(position / kKeyGroup) * RoundUp(n, 2) * kKeyGroup +
          position % kKeyGroup * 2;
  values += static_cast<size_t>(position / 2) * 2 * value_stride + position % 2;
  for (int i = 0; i < n; ++i) {
    keys[static_cast<size_t>(i / 2) * 2 * kKeyGroup + i % 2] = FloatToInt8(key[i], key_inverse);
  }
  for (int i = 0; i < n; ++i) values[2 * i] = FloatToInt8(value[i], value_inverse);
}

}  // namespace

KvCache::Sizes::Sizes(Precision precision, int head_dim, int positions)
    : capacity(RoundUp(positions, kKeyGroup)),
      value_stride(RoundUp(head_dim, kKeyGroup)),
      keys(PrecisionBytes(precision) * capacity *
           (precision == Precision::kInt8 ? RoundUp(head_dim, 2) : head_dim)),
      values(PrecisionBytes(precision) * capacity * value_stride),
      scales(precision == Precision::kInt8 ? sizeof(float) * capacity : 0) {}

KvCache::KvCache(Precision weights, int layers, int heads, int head_dim, int capacity)
    : precision_(KeyValuePrecision(weights)),
      heads_(heads),
      head_dim_(head_dim),
      sizes_(precision_, head_dim, capacity),
      data_(sizes_.head() * layers * heads) {}

size_t KvCache::Bytes(Precision weights, int layers, int heads, int head_dim, int capacity) {
  return Sizes(KeyValuePrecision(weights), head_dim, capacity).head() * layers * heads;
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
  const auto store = [&](auto* keys, auto narrow) {
    auto* values = reinterpret_cast<decltype(keys)>(base + sizes_.keys);
    Store(key, value, head_dim_, position, sizes_.value_stride, keys, values, narrow);
  };
  switch (precision_) {
    case Precision::kFp32:
      return store(reinterpret_cast<float*>(base), [](float x) { return x; });
    case Precision::kBf16:
      break;  // is no precision of keys and values
    case Precision::kFp16:
      return store(reinterpret_cast<uint16_t*>(base), FloatToHalf);
    case Precision::kInt8:
      return StoreInt8(
          key, value, head_dim_, position, sizes_.value_stride, reinterpret_cast<int8_t*>(base),
          reinterpret_cast<int8_t*>(base + sizes_.keys),
          reinterpret_cast<float*>(base + sizes_.keys + sizes_.values), sizes_.capacity);
  }
}

}  // namespace vidmuse::cpu
