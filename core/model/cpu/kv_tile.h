// Numbers into tiles of keys and values (see kv_format.h).
#ifndef VIDMUSE_MODEL_CPU_KV_TILE_H_
#define VIDMUSE_MODEL_CPU_KV_TILE_H_

#include <bit>
#include <cstdint>

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/kv_format.h"
#include "core/model/cpu/narrow.h"

namespace vidmuse::cpu {

// Put stores number `i` of a lane. `inverse`: one over the scale, of integers.
template <KvFormat format>
struct Tile;

template <>
struct Tile<KvFormat::kFloat24> {
  static void Put(char* tile, int i, int lane, float x, float) {
    uint32_t* words = reinterpret_cast<uint32_t*>(tile) + i / 4 * 3 * kTile + lane;
    const uint32_t bits = FloatToFloat24(x);
    if (i % 4 < 3) {
      uint32_t& word = words[i % 4 * kTile];
      word = bits | (word & 0xff);
    } else {
      for (int w = 0; w < 3; ++w) {
        uint32_t& word = words[w * kTile];
        word = (word & 0xffffff00) | (bits >> (24 - 8 * w) & 0xff);
      }
    }
  }
};

template <>
struct Tile<KvFormat::kFp16> {
  static void Put(char* tile, int i, int lane, float x, float) {
    reinterpret_cast<uint16_t*>(tile)[i * kTile + lane] = FloatToHalf(x);
  }
};

template <>
struct Tile<KvFormat::kInt8> {
  static void Put(char* tile, int i, int lane, float x, float inverse) {
    reinterpret_cast<int8_t*>(tile)[(i / 2 * kTile + lane) * 2 + i % 2] = FloatToInt8(x, inverse);
  }
};

template <>
struct Tile<KvFormat::kInt6> {
  static void Put(char* tile, int i, int lane, float x, float inverse) {
    const int pair = i / 2;
    const auto n =
        static_cast<uint32_t>(PackedOffset(KvFormat::kInt6) + FloatToInt8(x, inverse)) & 63;
    uint16_t* words = reinterpret_cast<uint16_t*>(tile) + 2 * lane + i % 2;
    const auto put = [&](int word, int shift, uint32_t mask, uint32_t bits) {
      uint16_t& w = words[word * 2 * kTile];
      w = static_cast<uint16_t>((w & ~(mask << shift)) | bits << shift);
    };
    if (pair < 6) {
      put(pair / 2, pair % 2 * 6, 63, n);
    } else {
      put(pair - 6, 12, 15, n & 15);
      put(2, pair == 6 ? 12 : 14, 3, n >> 4);
    }
  }
};

template <>
struct Tile<KvFormat::kInt4> {
  static void Put(char* tile, int i, int lane, float x, float inverse) {
    const auto n =
        static_cast<uint32_t>(PackedOffset(KvFormat::kInt4) + FloatToInt8(x, inverse)) & 15;
    const int pair = i / 2, shift = pair % 4 * 4;
    uint16_t& word = reinterpret_cast<uint16_t*>(tile)[(pair / 4 * kTile + lane) * 2 + i % 2];
    word = static_cast<uint16_t>((word & ~(15 << shift)) | n << shift);
  }
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_TILE_H_
