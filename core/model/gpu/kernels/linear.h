// A linear layer over few rows: out = f(norm(x) * weights^T), with LayerNorm in front and what
// follows behind.
//
// Shapes: x [rows][inputs], 16 bits, or float32 where LayerNorm comes first; weights [outputs]
// [inputs], as a checkpoint has them: fp16 or bf16, or int8 with a scale for each output (x and
// the products are fp16 then). `inputs` is a multiple of 256, of 512 for int8; `outputs` one of
// 8 * kTiles.
//
// A block of 8 warps makes 8 * kTiles outputs of all rows. Each warp takes an eighth of the inputs
// and holds its weights in registers, which it asks for before the kernel before has ended: all
// weights are read once, as fast as memory gives them, and rows pass by.
//
// Order of sums: the 8 pieces of the inputs, each in steps of 16 from the first to the last, in
// float32 from 0; then piece 0 to piece 7. It depends on `inputs` and the kind of weights alone: a
// row's bits are the same whatever rows are beside it, how many, and in which place it is.
// LayerNorm: mean and variance of a row by one warp, 1024 numbers at a time.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_LINEAR_H_
#define VIDMUSE_MODEL_GPU_KERNELS_LINEAR_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/numbers.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

constexpr int kLinearWarps = 8;
constexpr int kLinearThreads = kLinearWarps * kWarpThreads;
constexpr float kNormEpsilon = 1e-5f;
constexpr int kHeadDim = 64;

enum class Epilogue {
  kStore,     // 16 bits
  kGelu,      // 16 bits
  kFloat,     // float32
  kResidual,  // added to float32
  kQkv,       // thirds: queries stored in 16 bits, keys and values at each request's position
};

struct LinearArgs {
  const void* x = nullptr;
  const float* norm_weight = nullptr;  // [inputs], for LayerNorm
  const float* norm_bias = nullptr;
  const void* weights = nullptr;
  const float* scales = nullptr;  // [outputs], of int8
  const float* bias = nullptr;    // [outputs], or none
  void* out = nullptr;            // [rows][outputs]; of kQkv [rows][outputs / 3]
  int rows = 0;
  int inputs = 0;
  int outputs = 0;
  Epilogue epilogue = Epilogue::kStore;
  // Of kQkv:
  const StepInput* steps = nullptr;  // [rows / 2]
  uint16_t* keys = nullptr;
  uint16_t* values = nullptr;
  KvLayout layout;
};

// Rows are padded by 16 bytes, so that a warp's reads of 8 rows find different banks.
constexpr int NormedStride(int inputs) { return inputs + 8; }

// Of a block.
constexpr size_t LinearSharedBytes(int tiles, int row_tiles, bool norm, int inputs) {
  const size_t rows = 16 * static_cast<size_t>(row_tiles);
  return kLinearWarps * rows * 8 * tiles * sizeof(float) +
         (norm ? rows * NormedStride(inputs) * sizeof(uint16_t) : 0);
}

// One row by one warp, to 16 bits in shared memory.
template <Number kNumber>
VIDMUSE_DEVICE void NormRow(Block& block, const LinearArgs& args, const float* x, uint16_t* to) {
  constexpr int kLoads = 8;  // of 4 numbers: 1024 by the warp
  const int lane = block.thread() % kWarpThreads;
  const int passes = (args.inputs + 1023) / 1024;
  Words4 part[kLoads];
  float mean = 0, squares = 0, before = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const int left = args.inputs - 1024 * pass;
    const int loads = left < 1024 ? left / 128 : kLoads;
    VIDMUSE_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      if (i < loads) part[i] = LoadFresh4(x + 1024 * pass + 128 * i + 4 * lane);
    }
    float sum = 0;
    VIDMUSE_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      if (i >= loads) continue;
      for (int j = 0; j < 4; ++j) sum += BitsToFloat(part[i].word[j]);
    }
    for (int mask = 16; mask > 0; mask /= 2) sum += block.ShuffleXor(sum, mask);
    const float count = static_cast<float>(128 * loads), own_mean = sum / count;
    float own = 0;
    VIDMUSE_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      if (i >= loads) continue;
      for (int j = 0; j < 4; ++j) {
        const float distance = BitsToFloat(part[i].word[j]) - own_mean;
        own += distance * distance;
      }
    }
    for (int mask = 16; mask > 0; mask /= 2) own += block.ShuffleXor(own, mask);
    // Both sets together.
    const float delta = own_mean - mean, all = before + count;
    squares += own + delta * delta * (before * count / all);
    mean += delta * (count / all);
    before = all;
  }
  const float scale = 1 / sqrtf(squares / static_cast<float>(args.inputs) + kNormEpsilon);
  for (int pass = 0; pass < passes; ++pass) {
    const int left = args.inputs - 1024 * pass;
    const int loads = left < 1024 ? left / 128 : kLoads;
    VIDMUSE_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      if (i >= loads) continue;
      const int at = 1024 * pass + 128 * i + 4 * lane;
      if (passes > 1) part[i] = LoadFresh4(x + at);
      const Words4 weight = *reinterpret_cast<const Words4*>(args.norm_weight + at);
      const Words4 bias = *reinterpret_cast<const Words4*>(args.norm_bias + at);
      float y[4];
      for (int j = 0; j < 4; ++j) {
        y[j] = (BitsToFloat(part[i].word[j]) - mean) * scale * BitsToFloat(weight.word[j]) +
               BitsToFloat(bias.word[j]);
      }
      const Words2 both = {{Pack<kNumber>(y[0], y[1]), Pack<kNumber>(y[2], y[3])}};
      *reinterpret_cast<Words2*>(to + at) = both;
    }
  }
}

// What becomes of one sum. `old`: what kResidual adds to.
template <Number kNumber>
VIDMUSE_DEVICE void FinishOutput(const LinearArgs& args, int row, int column, float value,
                                 float old) {
  if (args.scales != nullptr) value *= args.scales[column];
  if (args.bias != nullptr) value += args.bias[column];
  const size_t at = static_cast<size_t>(row) * args.outputs + column;
  switch (args.epilogue) {
    case Epilogue::kStore:
      static_cast<uint16_t*>(args.out)[at] = FromFloat<kNumber>(value);
      return;
    case Epilogue::kGelu:
      static_cast<uint16_t*>(args.out)[at] =
          FromFloat<kNumber>(0.5f * value * (1 + erff(value * 0.70710678f)));
      return;
    case Epilogue::kFloat:
      static_cast<float*>(args.out)[at] = value;
      return;
    case Epilogue::kResidual:
      static_cast<float*>(args.out)[at] = old + value;
      return;
    case Epilogue::kQkv:
      break;
  }
  const int dim = args.outputs / 3;
  if (column < dim) {
    static_cast<uint16_t*>(args.out)[static_cast<size_t>(row) * dim + column] =
        FromFloat<kNumber>(value);
    return;
  }
  const StepInput& step = args.steps[row / 2];
  if (step.slot < 0) return;
  const bool is_key = column < 2 * dim;
  const int channel = column - (is_key ? dim : 2 * dim);
  uint16_t* to = is_key ? args.keys : args.values;
  to[step.slot * args.layout.slot + row % 2 * args.layout.row +
     channel / kHeadDim * args.layout.head + step.position * args.layout.position +
     channel % kHeadDim] = FromFloat<kNumber>(value);
}

// kTiles: of 8 outputs. kRowTiles: of 16 rows, at once. kChunk: loads of 16 bytes that a thread has
// in registers for each tile.
template <Number kNumber, bool kInt8, int kTiles, int kRowTiles, int kChunk, bool kNorm>
struct LinearBody {
  static constexpr int kLoad = kInt8 ? 16 : 8;  // numbers of weights in 16 bytes
  static constexpr int kParts = kInt8 ? 2 : 1;  // loads of x for one of weights
  static constexpr int kBlocks = kRowTiles == 1 && kTiles * kChunk <= VM_MAXW
                                     ? 2
                                     : 1;  // at once, on a multiprocessor, at least
  static constexpr int kRows = 16 * kRowTiles, kColumns = 8 * kTiles;
  static constexpr int kOutputs = (kRows * kColumns + kLinearThreads - 1) / kLinearThreads;

  VIDMUSE_DEVICE static void Load(const LinearArgs& args, int first_output, int piece_start,
                                  int blocks, int chunk, int lane, Words4 (&w)[kChunk][kTiles]) {
    const auto* weights = static_cast<const unsigned char*>(args.weights);
    VIDMUSE_UNROLL
    for (int c = 0; c < kChunk; ++c) {
      VIDMUSE_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        if (chunk * kChunk + c >= blocks) continue;
        const size_t at = static_cast<size_t>(first_output + 8 * tile + lane / 4) * args.inputs +
                          piece_start + (chunk * kChunk + c) * 4 * kLoad + lane % 4 * kLoad;
        w[c][tile] = LoadOnce4(weights + at * (kInt8 ? 1 : 2));
      }
    }
  }

  // The products of one load of weights: of kLoad * 4 inputs.
  VIDMUSE_DEVICE static void Multiply(Block& block, const Words4 (&x)[kRowTiles][2][kParts],
                                      const Words4 (&w)[kTiles],
                                      float (&sums)[kTiles][kRowTiles][4]) {
    VIDMUSE_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      uint32_t b[8];
      if constexpr (kInt8) {
        for (int i = 0; i < 4; ++i) BytesToFp16(w[tile].word[i], b + 2 * i);
      } else {
        for (int i = 0; i < 4; ++i) b[i] = w[tile].word[i];
      }
      VIDMUSE_UNROLL
      for (int rows = 0; rows < kRowTiles; ++rows) {
        VIDMUSE_UNROLL
        for (int i = 0; i < 2 * kParts; ++i) {
          const Words4& low = x[rows][0][i / 2];
          const Words4& high = x[rows][1][i / 2];
          const int at = i % 2 * 2;
          const uint32_t a[4] = {low.word[at], high.word[at], low.word[at + 1], high.word[at + 1]};
          MultiplyAccumulate<kNumber>(block, sums[tile][rows], a, b + 2 * i);
        }
      }
    }
  }

  VIDMUSE_DEVICE static void Run(Block& block, const LinearArgs& args) {
    const int thread = block.thread(), warp = thread / kWarpThreads, lane = thread % kWarpThreads;
    const int first_output = block.x() * kColumns;
    const int piece = args.inputs / kLinearWarps, piece_start = warp * piece;
    const int blocks = piece / (4 * kLoad), chunks = (blocks + kChunk - 1) / kChunk;
    float* const partial = reinterpret_cast<float*>(block.shared());
    uint16_t* const normed = reinterpret_cast<uint16_t*>(partial + kLinearWarps * kRows * kColumns);
    const int stride = NormedStride(args.inputs);

    block.LaunchNext();
    Words4 w[kChunk][kTiles];
    Load(args, first_output, piece_start, blocks, 0, lane, w);
    block.WaitForPrevious();

    int loaded = 0;
    for (int row0 = 0; row0 < args.rows; row0 += kRows) {
      if constexpr (kNorm) {
        const float* const x = static_cast<const float*>(args.x);
        for (int r = warp; r < kRows; r += kLinearWarps) {
          if (row0 + r >= args.rows) break;
          NormRow<kNumber>(block, args, x + static_cast<size_t>(row0 + r) * args.inputs,
                           normed + r * stride);
        }
        block.Sync();
      }
      float sums[kTiles][kRowTiles][4] = {};
      for (int chunk = 0; chunk < chunks; ++chunk) {
        if (chunk != loaded) {
          Load(args, first_output, piece_start, blocks, chunk, lane, w);
          loaded = chunk;
        }
        VIDMUSE_UNROLL
        for (int c = 0; c < kChunk; ++c) {
          if (chunk * kChunk + c >= blocks) continue;
          const int k = piece_start + (chunk * kChunk + c) * 4 * kLoad + lane % 4 * kLoad;
          Words4 x[kRowTiles][2][kParts];
          VIDMUSE_UNROLL
          for (int i = 0; i < 2 * kRowTiles; ++i) {
            const int r = 8 * i + lane / 4;
            VIDMUSE_UNROLL
            for (int part = 0; part < kParts; ++part) {
              Words4& to = x[i / 2][i % 2][part];
              if constexpr (kNorm) {
                to = *reinterpret_cast<const Words4*>(normed + r * stride + k + 8 * part);
              } else if (row0 + r < args.rows) {
                to = LoadFresh4(static_cast<const uint16_t*>(args.x) +
                                static_cast<size_t>(row0 + r) * args.inputs + k + 8 * part);
              } else {
                to = {};
              }
            }
          }
          Multiply(block, x, w[c], sums);
        }
      }
      Reduce(block, args, row0, first_output, partial, sums);
    }
  }

  // Sums of the warps' pieces, in their order, and what follows.
  VIDMUSE_DEVICE static void Reduce(Block& block, const LinearArgs& args, int row0,
                                    int first_output, float* partial,
                                    const float (&sums)[kTiles][kRowTiles][4]) {
    const int thread = block.thread(), warp = thread / kWarpThreads, lane = thread % kWarpThreads;
    float old[kOutputs] = {};
    if (args.epilogue == Epilogue::kResidual) {
      VIDMUSE_UNROLL
      for (int i = 0; i < kOutputs; ++i) {
        const int at = thread + i * kLinearThreads, row = row0 + at / kColumns;
        if (at < kRows * kColumns && row < args.rows) {
          old[i] =
              LoadFresh(static_cast<const float*>(args.out) +
                        static_cast<size_t>(row) * args.outputs + first_output + at % kColumns);
        }
      }
    }
    VIDMUSE_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      VIDMUSE_UNROLL
      for (int i = 0; i < 2 * kRowTiles; ++i) {
        float* const to =
            partial + (warp * kRows + 8 * i + lane / 4) * kColumns + 8 * tile + lane % 4 * 2;
        to[0] = sums[tile][i / 2][i % 2 * 2];
        to[1] = sums[tile][i / 2][i % 2 * 2 + 1];
      }
    }
    block.Sync();
    VIDMUSE_UNROLL
    for (int i = 0; i < kOutputs; ++i) {
      const int at = thread + i * kLinearThreads, row = row0 + at / kColumns;
      if (at >= kRows * kColumns || row >= args.rows) continue;
      float sum = partial[at];
      for (int of = 1; of < kLinearWarps; ++of) sum += partial[of * kRows * kColumns + at];
      FinishOutput<kNumber>(args, row, first_output + at % kColumns, sum, old[i]);
    }
    block.Sync();
  }
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_LINEAR_H_
