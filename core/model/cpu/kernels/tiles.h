// Loads tiles of keys and values into registers. Part of impl.h.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_TILES_H_
#define VIDMUSE_MODEL_CPU_KERNELS_TILES_H_

#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

// Loads numbers 4 * quad to 4 * quad + 3 of kLanes lanes, from `lane` on.
template <KvFormat format>
inline void LoadFour(const char* tile, int quad, int lane, Vec (&numbers)[4]) {
  if constexpr (format == KvFormat::kFloat32) {
    const float* floats = reinterpret_cast<const float*>(tile) + quad * 4 * kTile + lane;
    for (int i = 0; i < 4; ++i) numbers[i] = Load(floats + i * kTile);
  } else if constexpr (format == KvFormat::kFloat24) {
    const uint32_t* words = reinterpret_cast<const uint32_t*>(tile) + quad * 3 * kTile + lane;
    const UintVec a = LoadAs<UintVec>(words), b = LoadAs<UintVec>(words + kTile),
                  c = LoadAs<UintVec>(words + 2 * kTile);
    numbers[0] = (Vec)(a & 0xffffff00);
    numbers[1] = (Vec)(b & 0xffffff00);
    numbers[2] = (Vec)(c & 0xffffff00);
    numbers[3] = (Vec)(a << 24 | (b & 0xff) << 16 | (c & 0xff) << 8);
  } else {
    const uint16_t* words = reinterpret_cast<const uint16_t*>(tile) + quad * 4 * kTile + lane;
    for (int i = 0; i < 4; ++i) numbers[i] = LoadFp16(words + i * kTile);
  }
}

// Loads the 8 pairs of kLanes lanes, from `lane` on, with PackedOffset still added to each number.
template <KvFormat format>
inline void LoadPairs(const char* tile, int lane, ShortVec (&pairs)[kTile / 2]) {
  if constexpr (format == KvFormat::kInt8) {
    const int8_t* numbers = reinterpret_cast<const int8_t*>(tile) + 2 * lane;
    for (int p = 0; p < kTile / 2; ++p) pairs[p] = LoadInt8Pairs(numbers + p * 2 * kTile);
  } else {
    const uint16_t* words = reinterpret_cast<const uint16_t*>(tile) + 2 * lane;
    for (int w = 0; w < 2; ++w) {
      const WordVec four = LoadAs<WordVec>(words + w * 2 * kTile);
      for (int i = 0; i < 4; ++i) pairs[4 * w + i] = (ShortVec)(four >> 4 * i & 15);
    }
  }
}

}  // namespace
}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_TILES_H_
