// How attention keys and values are stored.
//
// They are stored in tiles of 16 lanes with 16 numbers each. The kernels process lanes side by
// side. For keys, a lane is a position and holds 16 dimensions of the head; for values, a lane is a
// dimension and holds 16 positions. The dimensions of a head are padded with zeros to whole tiles.
//
// Layout of a tile:
//   float32  floats [16][16].
//   float24  32-bit words [4][3][16]. A number is a float32 without its last 8 bits. Three words
//            hold four numbers of a lane: each has one of the first three in its high 24 bits, and
//            their low 8 bits have the fourth's high, middle and low 8 bits.
//   fp16     16-bit words [16][16].
//   int8     bytes [8][16][2]: two neighbouring numbers of a lane form a pair.
//   int4     16-bit words [2][16][2] with four pairs each, 4 bits a number from the lowest bit on;
//            the last index is the place in the pair. PackedOffset is added to every number.
// Integer formats have two bfloat16 scales for each position: one for its key, one for its value.
#ifndef VIDMUSE_MODEL_CPU_KV_KV_FORMAT_H_
#define VIDMUSE_MODEL_CPU_KV_KV_FORMAT_H_

#include <cstdint>

#include "core/model/cpu/kernels/precision.h"

namespace vidmuse::cpu {

enum class KvFormat { kFloat32, kFloat24, kFp16, kInt8, kInt4 };

inline constexpr int kKvFormats = 5;
inline constexpr KvFormat kAllKvFormats[kKvFormats] = {
    KvFormat::kFloat32, KvFormat::kFloat24, KvFormat::kFp16, KvFormat::kInt8, KvFormat::kInt4};

static constexpr const char* KvFormatName(KvFormat format) {
  constexpr const char* kNames[kKvFormats] = {"float32", "float24", "fp16", "int8", "int4"};
  return kNames[static_cast<int>(format)];
}

// The format of self-attention's keys and values for a precision of the weights. float24 takes
// three quarters of float32's bytes; its relative error, at most 2^-16, keeps logits within 1e-4 of
// the published code's (see performance.md). int8 adds about as little error as bf16 weights do.
static constexpr KvFormat SelfFormat(Precision weights) {
  switch (weights) {
    case Precision::kFp32:
      return KvFormat::kFloat24;
    case Precision::kFp32Full:
      return KvFormat::kFloat32;
    case Precision::kFp16:
      return KvFormat::kFp16;
    case Precision::kBf16:
    case Precision::kInt8:
    case Precision::kInt4:
      break;
  }
  return KvFormat::kInt8;
}

// The format of the condition's keys and values. int4 is too coarse where attention looks at few
// places, so it is for int4 weights alone.
static constexpr KvFormat CrossFormat(Precision weights) {
  return weights == Precision::kInt4 ? KvFormat::kInt4 : SelfFormat(weights);
}

// Formats of the precisions that don't promise the published model's tokens.
static constexpr bool IsReduced(KvFormat format) { return format >= KvFormat::kFp16; }

static constexpr bool IsInteger(KvFormat format) { return format >= KvFormat::kInt8; }

inline constexpr int kTile = 16;          // lanes of a tile, and numbers in each lane
inline constexpr int kBlockColumns = 64;  // dimensions in a block of values
inline constexpr int kKeyGroups = 4;  // groups of kTile positions whose keys are stored together
inline constexpr int kKeyPositions = kKeyGroups * kTile;

static constexpr int Bits(KvFormat format) {
  constexpr int kBits[kKvFormats] = {32, 24, 16, 8, 4};
  return kBits[static_cast<int>(format)];
}

static constexpr int64_t TileBytes(KvFormat format) { return kTile * kTile * Bits(format) / 8; }

// Largest magnitude of a stored integer.
static constexpr int LargestInteger(KvFormat format) { return (1 << (Bits(format) - 1)) - 1; }

// What is added to a format's integers when they are stored.
static constexpr int PackedOffset(KvFormat format) {
  return format == KvFormat::kInt8 ? 0 : 1 << (Bits(format) - 1);
}

// Rounds n up to whole tiles.
static constexpr int64_t Padded(int64_t n) { return (n + kTile - 1) / kTile * kTile; }

// Rounds positions up to a multiple of kKeyPositions.
static constexpr int64_t PaddedPositions(int64_t n) {
  return (n + kKeyPositions - 1) / kKeyPositions * kKeyPositions;
}

// Index of the first key tile of a group of kTile positions. The tile of the next kTile dimensions
// is kKeyGroups further on. `tiles` is the number of tiles that cover the dimensions of a head.
static constexpr int64_t KeyTileIndex(int64_t group, int64_t tiles) {
  return group / kKeyGroups * kKeyGroups * tiles + group % kKeyGroups;
}

// Number of tiles side by side in the block of values that begins at dimension `column`.
static constexpr int64_t BlockTiles(int64_t head_dim, int64_t column) {
  const int64_t left = head_dim - column;
  return Padded(left < kBlockColumns ? left : kBlockColumns) / kTile;
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_KV_FORMAT_H_
