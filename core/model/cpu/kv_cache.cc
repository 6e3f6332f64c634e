#include "core/model/cpu/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/model/cpu/kv_tile.h"
#include "core/model/cpu/narrow.h"

namespace vidmuse::cpu {
namespace {

// The scale of a vector of integers, rounded up so that no number is too large; stores it.
float StoreScale(const float* x, int n, KvFormat format, uint16_t* stored) {
  *stored = FloatToBf16Up(IntegerScale(x, n, static_cast<float>(LargestInteger(format))));
  return InverseScale(Bf16ToFloat(*stored));
}

}  // namespace

KvCache::Sizes::Sizes(KvFormat format, int head_dim, int positions)
    : capacity(static_cast<int>(Padded(positions))),
      keys(capacity / kTile * (Padded(head_dim) / kTile) * TileBytes(format)),
      values(keys),
      scales(IsInteger(format) ? sizeof(uint16_t) * capacity : 0) {}

KvCache::KvCache(KvFormat format, int layers, int heads, int head_dim, int capacity,
                 std::shared_ptr<KvMemory> memory)
    : format_(format),
      heads_(heads),
      head_dim_(head_dim),
      sizes_(format, head_dim, capacity),
      memory_(std::move(memory)) {
  const size_t bytes = sizes_.head() * layers * heads;
  data_ = memory_ != nullptr ? memory_->Take(bytes) : AlignedBuffer(bytes);
}

KvCache::~KvCache() {
  if (memory_ != nullptr) memory_->GiveBack(std::move(data_));
}

size_t KvCache::Bytes(KvFormat format, int layers, int heads, int head_dim, int capacity) {
  return Sizes(format, head_dim, capacity).head() * layers * heads;
}

size_t KvCache::ValueBlock() const {
  return static_cast<size_t>(sizes_.capacity) / kTile * (kBlockColumns / kTile) *
         TileBytes(format_);
}

KvCache::Head KvCache::Find(int layer, int head) {
  char* keys = data_.data<char>() + Offset(layer, head);
  char* scales = keys + sizes_.keys + sizes_.values;
  return {keys, keys + sizes_.keys, reinterpret_cast<uint16_t*>(scales),
          reinterpret_cast<uint16_t*>(scales + sizes_.scales)};
}

void KvCache::Describe(int layer, int head, AttentionArgs* args) const {
  const Head found = const_cast<KvCache*>(this)->Find(layer, head);
  args->keys = found.keys;
  args->values = found.values;
  args->value_block = static_cast<int64_t>(ValueBlock());
  args->key_scales = found.key_scales;
  args->value_scales = found.value_scales;
  args->head_dim = head_dim_;
}

template <KvFormat format>
void KvCache::ClearGroup(const Head& head, int group) {
  const int64_t row = Padded(head_dim_) / kTile * TileBytes(format);
  std::memset(head.keys + group * row, 0, row);
  for (int begin = 0; begin < head_dim_; begin += kBlockColumns) {
    const int64_t columns = Padded(std::min(kBlockColumns, head_dim_ - begin));
    const int64_t bytes = columns / kTile * TileBytes(format);
    std::memset(head.values + begin / kBlockColumns * ValueBlock() + group * bytes, 0, bytes);
  }
  if constexpr (IsInteger(format)) {
    std::fill_n(head.key_scales + group * kTile, kTile, 0);
    std::fill_n(head.value_scales + group * kTile, kTile, 0);
  }
}

template <KvFormat format>
void KvCache::WritePosition(const Head& head, int position, const float* key, const float* value) {
  const int group = position / kTile, place = position % kTile;
  if (place == 0) ClearGroup<format>(head, group);
  float key_inverse = 0, value_inverse = 0;
  if constexpr (IsInteger(format)) {
    key_inverse = StoreScale(key, head_dim_, format, head.key_scales + position);
    value_inverse = StoreScale(value, head_dim_, format, head.value_scales + position);
  }
  char* tile = head.keys + group * (Padded(head_dim_) / kTile) * TileBytes(format);
  for (int begin = 0; begin < head_dim_; begin += kTile, tile += TileBytes(format)) {
    const int count = std::min(kTile, head_dim_ - begin);
    for (int i = 0; i < count; ++i) {
      Tile<format>::Put(tile, i, place, key[begin + i], key_inverse);
    }
  }
  for (int block = 0; block < head_dim_; block += kBlockColumns) {
    const int columns = std::min(kBlockColumns, head_dim_ - block);
    tile = head.values + block / kBlockColumns * ValueBlock() +
           group * (Padded(columns) / kTile) * TileBytes(format);
    for (int begin = 0; begin < columns; begin += kTile, tile += TileBytes(format)) {
      const int count = std::min(kTile, columns - begin);
      for (int i = 0; i < count; ++i) {
        Tile<format>::Put(tile, place, i, value[block + begin + i], value_inverse);
      }
    }
  }
}

void KvCache::Write(int layer, int head, int position, int count, const float* keys,
                    const float* values, int64_t stride) {
  const Head found = Find(layer, head);
  const auto write = [&]<KvFormat format>() {
    for (int i = 0; i < count; ++i) {
      WritePosition<format>(found, position + i, keys + i * stride, values + i * stride);
    }
  };
  switch (format_) {
    case KvFormat::kFloat24:
      return write.template operator()<KvFormat::kFloat24>();
    case KvFormat::kFp16:
      return write.template operator()<KvFormat::kFp16>();
    case KvFormat::kInt8:
      return write.template operator()<KvFormat::kInt8>();
    case KvFormat::kInt6:
      return write.template operator()<KvFormat::kInt6>();
    case KvFormat::kInt4:
      return write.template operator()<KvFormat::kInt4>();
  }
}

}  // namespace vidmuse::cpu
