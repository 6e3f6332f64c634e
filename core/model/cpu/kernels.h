// The inner loops of a decoding step on a CPU, compiled for several instruction sets and chosen
// once at run time.
//
// Row independence: each output element is computed in a fixed order, so a row's result never
// depends on how many other rows are computed with it, or on which. Sets of kernels with fused
// multiply-adds compute in the same order too: their results are equal, bit for bit.
//
// Weights are stored in one of the precisions, keys and values in one of the formats; the
// arithmetic is float32 (numbers are widened in registers). Integers are the exception: beside them
// rows of x, queries and the weights of attention are rounded to 16 bits, each row or block of them
// with one scale, and multiplied in exact integer sums.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_H_
#define VIDMUSE_MODEL_CPU_KERNELS_H_

#include <cstdint>

#include "core/model/cpu/kv_format.h"
#include "core/model/cpu/precision.h"

namespace vidmuse::cpu {

// Outputs of a linear layer are stored in panels of this many: weights [panels][K][kPanel].
inline constexpr int kPanel = 32;

// Of int8, in tiles of so many inputs and outputs, the inputs in fours:
// [panels][K / kTileInputs][kPanel / kTileOutputs][kTileInputs / 4][kTileOutputs][4], K rounded up
// with zeros.
inline constexpr int kTileInputs = 64;
inline constexpr int kTileOutputs = 16;
inline constexpr int kTilesAcross = kPanel / kTileOutputs;
inline constexpr int kLinearTile = kTileInputs * kTileOutputs;  // numbers, and bytes

static constexpr int64_t TilesDown(int64_t k) { return (k + kTileInputs - 1) / kTileInputs; }

struct LinearArgs {
  const void* weights = nullptr;  // in panels
  const float* scales = nullptr;  // [panels * kPanel], of int8
  const float* bias = nullptr;    // [panels * kPanel], or null
  const float* x = nullptr;       // row r starts at x + r * x_stride
  int64_t x_stride = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0;
  int k = 0;                 // of int8 at most 131,072, so that sums of products fit into 32 bits
  int n = 0;                 // outputs; the last panel may be partly used
  bool accumulate = false;   // y += instead of y =
  float* scratch = nullptr;  // LinearScratch(...) floats
};

// Floats of scratch for a linear layer: for a tile of rows side by side, which it does without if
// there is none; or, of int8, for rows of x as 16-bit integers, in groups of kRowGroup on a cache
// line's boundary, their scales, and one more row.
inline constexpr int kRowTile = 96;
inline constexpr int kRowGroup = 8;
static constexpr int64_t LinearScratch(Precision precision, int64_t rows, int64_t k) {
  if (precision != Precision::kInt8) return (rows < kRowTile ? rows : kRowTile) * k;
  const int64_t row = TilesDown(k) * kTileInputs / 2;
  return (rows + kRowGroup - 1) / kRowGroup * kRowGroup * (row + 1) + row + 16;
}

// Several queries of one head over the same keys and values.
struct AttentionArgs {
  const float* q = nullptr;  // row r starts at q + r * q_stride, [head_dim]
  int64_t q_stride = 0;
  int rows = 0;
  const int* lengths = nullptr;  // [rows]: row r sees positions [0, lengths[r])
  const void* keys = nullptr;    // tiles, see KeyTileIndex
  // Tiles [positions / kTile][columns / kTile] of each kBlockColumns dimensions.
  const void* values = nullptr;
  int64_t value_block = 0;                 // bytes from such a block to the next
  const uint16_t* key_scales = nullptr;    // [positions] bfloat16, of integers; whole tiles
  const uint16_t* value_scales = nullptr;  // likewise
  int head_dim = 0;
  const void* next = nullptr;  // keys that are read after this, brought meanwhile
  int64_t next_bytes = 0;
  float scale = 1.0f;
  float* out = nullptr;  // row r at out + r * out_stride, [head_dim]
  int64_t out_stride = 0;
  float* scratch = nullptr;  // AttentionScratch(...) floats
};

// Attention over integer values rounds so many weights together.
inline constexpr int kWeightBlock = 128;

// Floats of scratch that one row of attention over whole tiles of positions needs.
static constexpr int64_t AttentionScratchRow(int64_t positions, int64_t head_dim) {
  return positions + 2 * ((positions + kWeightBlock - 1) / kWeightBlock) + Padded(head_dim);
}

// Floats of scratch that attention over `positions` needs.
static constexpr int64_t AttentionScratch(int64_t positions, int64_t head_dim) {
  return 4 * AttentionScratchRow(Padded(positions), head_dim);
}

struct Kernels {
  const char* name;
  // By precision of the weights: panels [panel_begin, panel_end) of y = x W^T + bias.
  void (*linear[kPrecisions])(const LinearArgs& args, int panel_begin, int panel_end);
  // By format of the keys and values.
  void (*attention[kKvFormats])(const AttentionArgs& args);
  // y = (x - mean) / sqrt(var + 1e-5) * weight + bias over n elements.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int n, float* y);
  // x = 0.5 x (1 + erf(x / sqrt 2)), in place.
  void (*gelu)(float* x, int64_t n);
  // y = x > 0 ? x : alpha (exp(x) - 1)
  void (*elu)(const float* x, int64_t n, float alpha, float* y);
  bool fused;  // multiply-adds are: all such sets make the same bits
};

// All that this machine runs, best first (for tests).
const Kernels* const* AvailableKernels(int* count);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_H_
