// Writes numbers into tiles of keys and values (see kv_format.h).
#ifndef VIDMUSE_MODEL_CPU_KV_KV_TILE_H_
#define VIDMUSE_MODEL_CPU_KV_KV_TILE_H_

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/kernels/narrow.h"
#include "core/model/cpu/kv/kv_format.h"

namespace vidmuse::cpu {

// Narrow converts a float to a stored number; `inverse` is one over the scale, for integers. Put
// stores number `i` of a lane. Fill stores a whole tile: number i of a lane comes from
// numbers[Place(i, lane)].
template <KvFormat format>
struct Tile;

template <>
struct Tile<KvFormat::kFloat32> {
  typedef float Number;
  static Number Narrow(float x, float) { return x; }
  static constexpr int Place(int i, int lane) { return i * kTile + lane; }
  static void Put(char* tile, int i, int lane, Number n) {
    reinterpret_cast<float*>(tile)[Place(i, lane)] = n;
  }
  static void Fill(char* tile, const Number* numbers) {
    std::memcpy(tile, numbers, TileBytes(KvFormat::kFloat32));
  }
};

template <>
struct Tile<KvFormat::kFloat24> {
  typedef uint32_t Number;
  static Number Narrow(float x, float) { return FloatToFloat24(x); }
  static constexpr int Place(int i, int lane) { return i * kTile + lane; }

  static void Put(char* tile, int i, int lane, Number n) {
    uint32_t* words = reinterpret_cast<uint32_t*>(tile) + i / 4 * 3 * kTile + lane;
    if (i % 4 < 3) {
      uint32_t& word = words[i % 4 * kTile];
      word = n | (word & 0xff);
    } else {
      for (int w = 0; w < 3; ++w) {
        uint32_t& word = words[w * kTile];
        word = (word & 0xffffff00) | (n >> (24 - 8 * w) & 0xff);
      }
    }
  }

  static void Fill(char* tile, const Number* numbers) {
    auto* words = reinterpret_cast<uint32_t*>(tile);
    for (int quad = 0; quad < kTile / 4; ++quad, words += 3 * kTile, numbers += 4 * kTile) {
      for (int lane = 0; lane < kTile; ++lane) {
        const Number fourth = numbers[3 * kTile + lane];
        for (int w = 0; w < 3; ++w) {
          words[w * kTile + lane] = numbers[w * kTile + lane] | (fourth >> (24 - 8 * w) & 0xff);
        }
      }
    }
  }
};

template <>
struct Tile<KvFormat::kFp16> {
  typedef uint16_t Number;
  static Number Narrow(float x, float) { return FloatToHalf(x); }
  static constexpr int Place(int i, int lane) { return i * kTile + lane; }
  static void Put(char* tile, int i, int lane, Number n) {
    reinterpret_cast<uint16_t*>(tile)[Place(i, lane)] = n;
  }
  static void Fill(char* tile, const Number* numbers) {
    std::memcpy(tile, numbers, TileBytes(KvFormat::kFp16));
  }
};

// Integers: pairs lie side by side.
template <KvFormat format>
struct IntegerTile {
  typedef uint16_t Number;
  static constexpr int kPairRow = 2 * kTile;  // a pair of each lane
  static Number Narrow(float x, float inverse) {
    constexpr int kMask = (1 << Bits(format)) - 1;
    return static_cast<Number>((PackedOffset(format) + FloatToInt8(x, inverse)) & kMask);
  }
  static constexpr int Place(int i, int lane) { return i / 2 * kPairRow + lane * 2 + i % 2; }
};

template <>
struct Tile<KvFormat::kInt8> : IntegerTile<KvFormat::kInt8> {
  static void Put(char* tile, int i, int lane, Number n) {
    tile[Place(i, lane)] = static_cast<char>(n);
  }
  static void Fill(char* tile, const Number* numbers) {
    for (int i = 0; i < kTile * kTile; ++i) tile[i] = static_cast<char>(numbers[i]);
  }
};

template <>
struct Tile<KvFormat::kInt4> : IntegerTile<KvFormat::kInt4> {
  static void Put(char* tile, int i, int lane, Number n) {
    const int pair = i / 2, shift = pair % 4 * 4;
    uint16_t& word = reinterpret_cast<uint16_t*>(tile)[pair / 4 * kPairRow + Place(i % 2, lane)];
    word = static_cast<uint16_t>((word & ~(15 << shift)) | n << shift);
  }

  static void Fill(char* tile, const Number* numbers) {
    auto* words = reinterpret_cast<uint16_t*>(tile);
    for (int w = 0; w < 2; ++w, words += kPairRow, numbers += 4 * kPairRow) {
      for (int i = 0; i < kPairRow; ++i) {
        words[i] =
            static_cast<uint16_t>(numbers[i] | numbers[i + kPairRow] << 4 |
                                  numbers[i + 2 * kPairRow] << 8 | numbers[i + 3 * kPairRow] << 12);
      }
    }
  }
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_KV_TILE_H_
