// How attention keys and values are stored.
//
// They stand in tiles of 16 numbers in each of 16 lanes. A lane is what the kernels work on side by
// side: of keys a position, with 16 dimensions of the head in it; of values a dimension, with 16
// positions in it. The head's dimensions are padded with zeros to whole tiles.
//
// A tile of
//   float24  is float32 words [4][3][16], each three with four numbers of a lane, which have lost
//            their last 8 bits: words 0 to 2 hold one each, and in their last 8 bits the fourth's
//            first, second and third 8 bits.
//   fp16     is [16][16].
//   int8     is [8][16][2]: neighbouring numbers of a lane, a pair, lie side by side.
//   int6     is 16-bit words [3][16][2], which hold the 8 pairs' numbers, each PackedOffset more
//            than it stands for:
//              0: bits 0-5 the first pair's, 6-11 the second's, 12-15 the low bits of the seventh's
//              1: the third's, the fourth's, the low bits of the eighth's
//              2: the fifth's, the sixth's, then two bits each, the high ones of the seventh's and
//                 the eighth's.
//   int4     is 16-bit words [2][16][2] of four pairs each, four bits a number, likewise.
// Integers have a scale for each key and each value vector of a position, a bfloat16.
#ifndef VIDMUSE_MODEL_CPU_KV_FORMAT_H_
#define VIDMUSE_MODEL_CPU_KV_FORMAT_H_

#include <cstdint>

#include "core/model/cpu/precision.h"

namespace vidmuse::cpu {

enum class KvFormat { kFloat24, kFp16, kInt8, kInt6, kInt4 };

inline constexpr int kKvFormats = 5;
inline constexpr KvFormat kAllKvFormats[kKvFormats] = {
    KvFormat::kFloat24, KvFormat::kFp16, KvFormat::kInt8, KvFormat::kInt6, KvFormat::kInt4};

static constexpr const char* KvFormatName(KvFormat format) {
  constexpr const char* kNames[kKvFormats] = {"float24", "fp16", "int8", "int6", "int4"};
  return kNames[static_cast<int>(format)];
}

// Of self-attention's keys and values beside weights of a precision. float24's error, 2^-17, is far
// below what the order of a float32 sum changes, for three quarters of the bytes. Eight bits add
// about as little to the error as bf16 weights themselves.
static constexpr KvFormat SelfFormat(Precision weights) {
  constexpr KvFormat kFormats[kPrecisions] = {KvFormat::kFloat24, KvFormat::kInt8, KvFormat::kFp16,
                                              KvFormat::kInt8};
  return kFormats[static_cast<int>(weights)];
}

// Of the condition's. It has thousands of tokens, over which the errors of rounding cancel out.
// (The null condition's tokens are all alike, so that theirs would not.)
static constexpr KvFormat CrossFormat(Precision weights) {
  constexpr KvFormat kFormats[kPrecisions] = {KvFormat::kFloat24, KvFormat::kInt6, KvFormat::kFp16,
                                              KvFormat::kInt4};
  return kFormats[static_cast<int>(weights)];
}

static constexpr bool IsInteger(KvFormat format) { return format >= KvFormat::kInt8; }

inline constexpr int kTile = 16;          // lanes, and numbers in each
inline constexpr int kBlockColumns = 64;  // of values, which are stored side by side
inline constexpr int kKeyGroups = 4;      // of kTile positions, whose keys are stored together
inline constexpr int kKeyPositions = kKeyGroups * kTile;

static constexpr int Bits(KvFormat format) {
  constexpr int kBits[kKvFormats] = {24, 16, 8, 6, 4};
  return kBits[static_cast<int>(format)];
}

static constexpr int64_t TileBytes(KvFormat format) { return kTile * kTile * Bits(format) / 8; }

// Largest size of an integer.
static constexpr int LargestInteger(KvFormat format) { return (1 << (Bits(format) - 1)) - 1; }

// What is added to integers of a format.
static constexpr int PackedOffset(KvFormat format) {
  return format == KvFormat::kInt8 ? 0 : 1 << (Bits(format) - 1);
}

// Rounded up to whole tiles.
static constexpr int64_t Padded(int64_t n) { return (n + kTile - 1) / kTile * kTile; }

// Positions, rounded up to those whose keys are stored together.
static constexpr int64_t PaddedPositions(int64_t n) {
  return (n + kKeyPositions - 1) / kKeyPositions * kKeyPositions;
}

// Where the keys of a group stand: so many tiles from the first; those of the next kTile dimensions
// are kKeyGroups further. `tiles`: of a position.
static constexpr int64_t KeyTileIndex(int64_t group, int64_t tiles) {
  return group / kKeyGroups * kKeyGroups * tiles + group % kKeyGroups;
}

// Tiles side by side in the block of values that begins at dimension `column`.
static constexpr int64_t BlockTiles(int64_t head_dim, int64_t column) {
  const int64_t left = head_dim - column;
  return Padded(left < kBlockColumns ? left : kBlockColumns) / kTile;
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_FORMAT_H_
