#include "core/model/cpu/kv/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/model/cpu/kernels/narrow.h"
#include "core/model/cpu/kv/kv_tile.h"

namespace vidmuse::cpu {
namespace {

// Stores the scale of a vector that is quantised to integers, rounded up so that no number is too
// large. Returns one over the scale, or 1 for floats.
template <KvFormat format>
float StoreScale(const float* x, int n, uint16_t* stored) {
  if constexpr (!IsInteger(format)) return 1;
  *stored = FloatToBf16Up(IntegerScale(x, n, static_cast<float>(LargestInteger(format))));
  return InverseScale(Bf16ToFloat(*stored));
}

}  // namespace

KvCache::Sizes::Sizes(KvFormat format, int head_dim, int positions)
    : capacity(static_cast<int>(PaddedPositions(positions))),
      keys(capacity / kTile * (Padded(head_dim) / kTile) * TileBytes(format)),
      values(keys),
      scales(IsInteger(format) ? sizeof(uint16_t) * capacity : 0),
      factors(IsInteger(format) ? sizeof(float) * Padded(head_dim) : 0) {}

KvCache::KvCache(KvFormat format, int layers, int heads, int head_dim, int capacity,
                 std::shared_ptr<KvMemory> memory)
    : format_(format),
      heads_(heads),
      head_dim_(head_dim),
      sizes_(format, head_dim, capacity),
      memory_(std::move(memory)) {
  const size_t bytes = sizes_.head() * layers * heads;
  data_ = memory_ != nullptr ? memory_->Take(bytes) : AlignedBuffer(bytes);
  base_ = data_.data<char>();
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

KvCache::Head KvCache::Find(int layer, int head) const {
  char* keys = base_ + Offset(layer, head);
  char* scales = keys + sizes_.keys + sizes_.values;
  return {keys, keys + sizes_.keys, reinterpret_cast<uint16_t*>(scales),
          reinterpret_cast<uint16_t*>(scales + sizes_.scales)};
}

void KvCache::Describe(int layer, int head, AttentionArgs* args) const {
  const Head found = Find(layer, head);
  args->keys = found.keys;
  args->values = found.values;
  args->value_block = static_cast<int64_t>(ValueBlock());
  args->key_scales = found.key_scales;
  args->value_scales = found.value_scales;
  args->counts = counts_.empty() ? nullptr : counts_.data();
  args->head_dim = head_dim_;
}

template <KvFormat format>
char* KvCache::KeyTile(const Head& head, int group, int dim) const {
  const int64_t first = KeyTileIndex(group, Padded(head_dim_) / kTile);
  return head.keys + (first + dim / kTile * kKeyGroups) * TileBytes(format);
}

template <KvFormat format>
char* KvCache::ValueTile(const Head& head, int group, int dim) const {
  const int block = dim / kBlockColumns;
  const int64_t tiles = BlockTiles(head_dim_, block * kBlockColumns);
  return head.values + block * ValueBlock() +
         (group * tiles + dim % kBlockColumns / kTile) * TileBytes(format);
}

template <KvFormat format>
void KvCache::ClearGroup(const Head& head, int group) {
  for (int dim = 0; dim < head_dim_; dim += kTile) {
    std::memset(KeyTile<format>(head, group, dim), 0, TileBytes(format));
    std::memset(ValueTile<format>(head, group, dim), 0, TileBytes(format));
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
  const float key_inverse = StoreScale<format>(key, head_dim_, head.key_scales + position);
  const float value_inverse = StoreScale<format>(value, head_dim_, head.value_scales + position);
  for (int dim = 0; dim < head_dim_; dim += kTile) {
    char* keys = KeyTile<format>(head, group, dim);
    char* values = ValueTile<format>(head, group, dim);
    const int count = std::min(kTile, head_dim_ - dim);
    for (int i = 0; i < count; ++i) {
      Tile<format>::Put(keys, i, place, Tile<format>::Narrow(key[dim + i], key_inverse));
      Tile<format>::Put(values, place, i, Tile<format>::Narrow(value[dim + i], value_inverse));
    }
  }
}

template <KvFormat format>
void KvCache::WriteGroup(const Head& head, int group, const float* keys, const float* values,
                         int64_t stride) {
  using Numbers = Tile<format>;
  const int position = group * kTile;
  float key_inverses[kTile], value_inverses[kTile];
  for (int i = 0; i < kTile; ++i) {
    key_inverses[i] =
        StoreScale<format>(keys + i * stride, head_dim_, head.key_scales + position + i);
    value_inverses[i] =
        StoreScale<format>(values + i * stride, head_dim_, head.value_scales + position + i);
  }
  for (int dim = 0; dim < head_dim_; dim += kTile) {
    // Numbers past head_dim are zeros, as in a group that was cleared.
    typename Numbers::Number key_tile[kTile * kTile] = {}, value_tile[kTile * kTile] = {};
    const int count = std::min(kTile, head_dim_ - dim);
    for (int p = 0; p < kTile; ++p) {
      for (int i = 0; i < count; ++i) {
        key_tile[Numbers::Place(i, p)] =
            Numbers::Narrow(keys[p * stride + dim + i], key_inverses[p]);
        value_tile[Numbers::Place(p, i)] =
            Numbers::Narrow(values[p * stride + dim + i], value_inverses[p]);
      }
    }
    Numbers::Fill(KeyTile<format>(head, group, dim), key_tile);
    Numbers::Fill(ValueTile<format>(head, group, dim), value_tile);
  }
}

template <KvFormat format>
void KvCache::WriteAs(const Head& head, int position, int count, const float* keys,
                      const float* values, int64_t stride) {
  while (count > 0) {
    const bool whole = position % kTile == 0 && count >= kTile;
    if (whole) {
      WriteGroup<format>(head, position / kTile, keys, values, stride);
    } else {
      WritePosition<format>(head, position, keys, values);
    }
    const int written = whole ? kTile : 1;
    position += written, count -= written;
    keys += written * stride, values += written * stride;
  }
}

void KvCache::set_counts(std::vector<float> counts) {
  counts_ = std::move(counts);
  counts_.resize(sizes_.capacity);
}

void KvCache::PrefetchPosition(int layer, int head, int position) const {
  const int64_t group = position / kTile;
  const Head found = Find(layer, head);
  const auto prefetch = [](const char* at, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 1);
  };
  const int64_t first = KeyTileIndex(group, Padded(head_dim_) / kTile);
  for (int64_t i = 0; i < Padded(head_dim_) / kTile; ++i) {
    prefetch(found.keys + (first + i * kKeyGroups) * TileBytes(format_), TileBytes(format_));
  }
  for (int dim = 0; dim < head_dim_; dim += kBlockColumns) {
    const int64_t values = BlockTiles(head_dim_, dim) * TileBytes(format_);
    prefetch(found.values + dim / kBlockColumns * ValueBlock() + group * values, values);
  }
  if (IsInteger(format_)) {
    prefetch(reinterpret_cast<char*>(found.key_scales + position), 1);
    prefetch(reinterpret_cast<char*>(found.value_scales + position), 1);
  }
}

void KvCache::Write(int layer, int head, int position, int count, const float* keys,
                    const float* values, int64_t stride) {
  const Head found = Find(layer, head);
  switch (format_) {
    case KvFormat::kFloat32:
      return WriteAs<KvFormat::kFloat32>(found, position, count, keys, values, stride);
    case KvFormat::kFloat24:
      return WriteAs<KvFormat::kFloat24>(found, position, count, keys, values, stride);
    case KvFormat::kFp16:
      return WriteAs<KvFormat::kFp16>(found, position, count, keys, values, stride);
    case KvFormat::kInt8:
      return WriteAs<KvFormat::kInt8>(found, position, count, keys, values, stride);
    case KvFormat::kInt4:
      return WriteAs<KvFormat::kInt4>(found, position, count, keys, values, stride);
  }
}

}  // namespace vidmuse::cpu
