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

// The scale of a vector of int8, rounded up so that no number is over `most`.
uint16_t StoredScale(const float* x, int n, float most) {
  return FloatToBf16Up(IntegerScale(x, n, most));
}

// The numbers of one position, which begins a group or follows in it, to the group's `keys`.
void StoreKey(const float* key, int n, KeyBits bits, float inverse, int position, char* keys) {
  for (int begin = 0; begin < n; begin += kKeyUnit) {
    const auto number = [&](int i) {
      return begin + i < n ? FloatToInt8(key[begin + i], inverse) : int8_t{0};
    };
    if (bits == KeyBits::k8) {
      auto* out = reinterpret_cast<int8_t*>(keys) + 2 * position;
      for (int i = 0; i < kKeyUnit; ++i) out[i / 2 * 2 * kKeyGroup + i % 2] = number(i);
    } else {
      auto* out = reinterpret_cast<uint16_t*>(keys) + 2 * position;
      uint16_t numbers[kKeyUnit], words[kPackedKeyWords];
      for (int i = 0; i < kKeyUnit; ++i) {
        numbers[i] = static_cast<uint16_t>((kPackedKeyOffset + number(i)) & 63);
      }
      for (int odd = 0; odd < 2; ++odd) {
        PackKeys(numbers + odd, 2, words);
        for (int w = 0; w < kPackedKeyWords; ++w) out[w * 2 * kKeyGroup + odd] = words[w];
      }
    }
    keys += KeyBytes(bits, kKeyGroup, kKeyUnit);
  }
}

// Position `position` of int8's keys and values. The scales of all positions are in `scales`, of
// the values `capacity` further.
void StoreInt8(const float* key, const float* value, int n, KeyBits bits, int position,
               int value_stride, char* keys, int8_t* values, uint16_t* scales, int capacity) {
  const uint16_t key_scale = scales[position] = StoredScale(key, n, KeyMost(bits));
  const uint16_t value_scale = scales[position + capacity] = StoredScale(value, n, 127);
  const int group = position / kKeyGroup * kKeyGroup;
  StoreKey(key, n, bits, InverseScale(Bf16ToFloat(key_scale)), position - group,
           keys + KeyBytes(bits, group, n));
  const float inverse = InverseScale(Bf16ToFloat(value_scale));
  values += static_cast<size_t>(position / 2) * 2 * value_stride + position % 2;
  for (int i = 0; i < n; ++i) values[2 * i] = FloatToInt8(value[i], inverse);
}

}  // namespace

KvCache::Sizes::Sizes(Precision precision, KeyBits key_bits, int head_dim, int positions)
    : capacity(RoundUp(positions, kKeyGroup)),
      value_stride(RoundUp(head_dim, kKeyGroup)),
      keys(precision == Precision::kInt8 ? KeyBytes(key_bits, capacity, head_dim)
                                         : PrecisionBytes(precision) * capacity * head_dim),
      values(PrecisionBytes(precision) * capacity * value_stride),
      scales(precision == Precision::kInt8 ? sizeof(uint16_t) * capacity : 0) {}

KvCache::KvCache(Precision weights, int layers, int heads, int head_dim, int capacity)
    : precision_(KeyValuePrecision(weights)),
      key_bits_(IntegerKeyBits(weights)),
      heads_(heads),
      head_dim_(head_dim),
      sizes_(precision_, key_bits_, head_dim, capacity),
      data_(sizes_.head() * layers * heads) {}

size_t KvCache::Bytes(Precision weights, int layers, int heads, int head_dim, int capacity) {
  return Sizes(KeyValuePrecision(weights), IntegerKeyBits(weights), head_dim, capacity).head() *
         layers * heads;
}

void KvCache::Describe(int layer, int head, AttentionArgs* args) const {
  const char* keys = data_.data<char>() + Offset(layer, head);
  const char* scales = keys + sizes_.keys + sizes_.values;
  args->keys = keys;
  args->values = keys + sizes_.keys;
  args->key_scales = reinterpret_cast<const uint16_t*>(scales);
  args->value_scales = reinterpret_cast<const uint16_t*>(scales + sizes_.scales);
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
      return StoreInt8(key, value, head_dim_, key_bits_, position, sizes_.value_stride, base,
                       reinterpret_cast<int8_t*>(base + sizes_.keys),
                       reinterpret_cast<uint16_t*>(base + sizes_.keys + sizes_.values),
                       sizes_.capacity);
  }
}

}  // namespace vidmuse::cpu
