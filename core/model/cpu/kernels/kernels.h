// The inner loops of a decoding step on a CPU. They are compiled for several instruction sets, of
// which one is chosen at run time.
//
// Row independence: each output element is computed in a fixed order, so a row's result never
// depends on which other rows, or how many, are computed with it. All sets of kernels with fused
// multiply-adds use the same order, so their results are equal bit for bit.
//
// Weights are stored in a Precision, keys and values in a KvFormat. Arithmetic is float32, and
// numbers are widened in registers. Integers are the exception: with integer weights, keys or
// values, the other factor (rows of x, queries, attention weights) is quantised to 16 bits with one
// scale for each row or block, and the products are summed exactly as integers.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_KERNELS_H_
#define VIDMUSE_MODEL_CPU_KERNELS_KERNELS_H_

#include <cstdint>

#include "core/model/cpu/kernels/precision.h"
#include "core/model/cpu/kv/kv_format.h"

namespace vidmuse::cpu {

// Outputs of a linear layer are stored in panels of kPanel: weights [panels][K][kPanel].
inline constexpr int kPanel = 32;

// Panels of int8 weights consist of tiles of kTileInputs inputs by kTileOutputs outputs, in which
// four inputs of an output lie side by side:
// [panels][K / kTileInputs][kPanel / kTileOutputs][kTileInputs / 4][kTileOutputs][4].
// K is rounded up to whole tiles, and the rest is filled with zeros.
inline constexpr int kTileInputs = 64;
inline constexpr int kTileOutputs = 16;
inline constexpr int kTilesAcross = kPanel / kTileOutputs;
inline constexpr int kLinearTile = kTileInputs * kTileOutputs;  // numbers in a tile, a byte each

// Number of tiles that cover k inputs.
static constexpr int64_t TilesDown(int64_t k) { return (k + kTileInputs - 1) / kTileInputs; }

// Panels of int4 weights consist of groups of kGroupInputs inputs:
// [panels][K / kGroupInputs][kGroupBytes]. A group has, for each kTileOutputs outputs, 16-bit words
// [kGroupInputs / 8][kTileOutputs][2] with four numbers each, 4 bits a number from the lowest on:
// number i of word j is input 2 * i + j of eight. 8 is added to every number. The bfloat16 scales
// of the kPanel outputs follow.
inline constexpr int kGroupInputs = 32;
inline constexpr int kGroupWords = kGroupInputs / 8 * kTileOutputs * 2;  // of kTileOutputs outputs
inline constexpr int kGroupBytes =
    kTilesAcross * kGroupWords * 2 + kPanel * static_cast<int>(sizeof(uint16_t));
static_assert(kGroupBytes % 64 == 0);

// Number of groups that cover k inputs.
static constexpr int64_t Groups(int64_t k) { return (k + kGroupInputs - 1) / kGroupInputs; }

// Bytes of the weights of one panel.
static constexpr int64_t PanelBytes(Precision precision, int64_t k) {
  switch (precision) {
    case Precision::kInt4:
      return Groups(k) * kGroupBytes;
    case Precision::kInt8:
      return TilesDown(k) * kTileInputs * kPanel;
    case Precision::kBf16:
    case Precision::kFp16:
      return k * kPanel * 2;
    case Precision::kFp32:
    case Precision::kFp32Full:
      return k * kPanel * 4;
  }
  return 0;
}

struct LinearArgs {
  const void* weights = nullptr;  // in panels
  const float* scales = nullptr;  // [panels * kPanel], for int8 only
  const float* bias = nullptr;    // [panels * kPanel], or null
  const float* x = nullptr;       // row r starts at x + r * x_stride
  int64_t x_stride = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0;
  // Inputs: at most 131,072 for int8, so that sums of products fit into 32 bits.
  int k = 0;
  int n = 0;                 // outputs; the last panel may be partly used
  bool accumulate = false;   // y += instead of y =
  float* scratch = nullptr;  // LinearScratch(...) floats; never null for integers
};

// Floats of scratch that a linear layer uses. For float weights it holds a tile of up to kRowTile
// rows of x, packed side by side; without scratch, x is read where it is. For int8 it holds the
// rows of x quantised to 16 bits, in groups of kRowGroup that begin at a cache line, then their
// scales and one spare row. For int4 it holds the quantised rows, their scales, and the sum of each
// group of each row.
inline constexpr int kRowTile = 96;
inline constexpr int kRowGroup = 8;
static constexpr int64_t LinearScratch(Precision precision, int64_t rows, int64_t k) {
  if (!IsInteger(precision)) return (rows < kRowTile ? rows : kRowTile) * k;
  if (precision == Precision::kInt4) {
    return rows * (Groups(k) * kGroupInputs / 2 + 1 + Groups(k));
  }
  const int64_t row = TilesDown(k) * kTileInputs / 2;
  return (rows + kRowGroup - 1) / kRowGroup * kRowGroup * (row + 1) + row + 16;
}

// Several queries of one head over the same keys and values.
struct AttentionArgs {
  const float* q = nullptr;  // row r starts at q + r * q_stride, [head_dim]
  int64_t q_stride = 0;
  int rows = 0;
  const int* lengths = nullptr;  // [rows]: row r sees positions [0, lengths[r])
  const void* keys = nullptr;    // tiles, see KeyTileIndex()
  // For each block of kBlockColumns dimensions, tiles [positions / kTile][columns / kTile].
  const void* values = nullptr;
  int64_t value_block = 0;  // bytes from one block to the next
  // Scales of integer formats: [positions] bfloat16, padded to whole tiles.
  const uint16_t* key_scales = nullptr;
  const uint16_t* value_scales = nullptr;
  // [positions], padded to whole tiles: how often each position's weight counts. Null: once each.
  const float* counts = nullptr;
  int head_dim = 0;
  const void* next = nullptr;  // keys that the next call reads, to prefetch, or null
  int64_t next_bytes = 0;
  float scale = 1.0f;
  float* out = nullptr;  // row r at out + r * out_stride, [head_dim]
  int64_t out_stride = 0;
  float* scratch = nullptr;  // AttentionScratch(...) floats
};

// Attention over integer values quantises this many weights with one scale.
inline constexpr int kWeightBlock = 128;

// Floats of scratch that one query needs. `positions` is a multiple of kTile.
static constexpr int64_t AttentionScratchRow(int64_t positions, int64_t head_dim) {
  return positions + 2 * ((positions + kWeightBlock - 1) / kWeightBlock) + Padded(head_dim);
}

// Floats of scratch that attention over `positions` needs. Up to four queries run together.
static constexpr int64_t AttentionScratch(int64_t positions, int64_t head_dim) {
  return 4 * AttentionScratchRow(Padded(positions), head_dim);
}

struct Kernels {
  const char* name;
  // Indexed by the Precision of the weights. Computes panels [panel_begin, panel_end) of y = x W^T
  // + bias.
  void (*linear[kPrecisions])(const LinearArgs& args, int panel_begin, int panel_end);
  // Indexed by the KvFormat of the keys and values.
  void (*attention[kKvFormats])(const AttentionArgs& args);
  // y = (x - mean) / sqrt(var + 1e-5) * weight + bias over n elements.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int n, float* y);
  // x = 0.5 x (1 + erf(x / sqrt 2)), in place.
  void (*gelu)(float* x, int64_t n);
  // y = x > 0 ? x : alpha (exp(x) - 1).
  void (*elu)(const float* x, int64_t n, float alpha, float* y);
  // One step of an LSTM with n units. `gates` are the sums of products of the input, the forget,
  // the cell and the output gate, [4][n]. Updates `c` and writes `h`.
  void (*lstm)(const float* gates, int n, float* c, float* h);
  // The sum of the products of n numbers.
  float (*dot)(const float* a, const float* b, int n);
  bool fused;  // uses fused multiply-adds; all such sets give the same bits
};

// All sets of kernels that this machine can run, best first (for tests).
const Kernels* const* AvailableKernels(int* count);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_KERNELS_H_
