// A linear layer over few rows: out = f(norm(x) * weights^T), where LayerNorm is optional and f is
// the epilogue.
//
// Shapes: x is [rows][inputs], in 16 bits, or in float32 if LayerNorm comes first. Weights are
// [outputs][inputs], as in a checkpoint: fp16, bf16, or int8 with a scale for each output, where x
// and the products are fp16. `inputs` is a multiple of 256, or of 512 for int8, and at most 2,048
// with LayerNorm. `outputs` is a multiple of 8 * kTiles.
//
// A block of 8 warps computes 8 * kTiles outputs of all rows. Each warp takes an eighth of the
// inputs and holds its weights in registers. It requests them before the previous kernel has ended,
// so weights stream in at the memory's speed. The rows are then multiplied, 8 * kHalves at a time.
// Weights are read only once if they fit into the registers (one chunk).
//
// LayerNorm's mean and variance come from the Moments of each 8 adjacent numbers, which the kernel
// that wrote x stored too. A warp combines a row's: each thread takes those 32 apart in order, and
// a butterfly combines the threads.
//
// Order of sums: each of the inputs' 8 pieces is summed in steps of 16, from the first to the last,
// in float32 from 0. If kTiles is 1, the steps alternate between two sums, which are added at the
// end. Then the pieces are added from 0 to 7. The order depends on the layer's shape and kind of
// weights alone, so a row's bits don't depend on the other rows, their number, or the row's place.
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
  kQkv,       // 16 bits: a third is queries; keys and values go to each request's position
};

// The mean of 8 numbers, and the sum of their squared distances from it.
struct Moments {
  float mean;
  float squares;
};

struct LinearArgs {
  const void* x = nullptr;
  const Moments* moments = nullptr;    // of x, [rows][inputs / 8], for LayerNorm
  const float* norm_weight = nullptr;  // [inputs], for LayerNorm
  const float* norm_bias = nullptr;
  const void* weights = nullptr;
  const float* scales = nullptr;   // [outputs], for int8
  const float* bias = nullptr;     // [outputs], or null
  void* out = nullptr;             // [rows][outputs]; for kQkv [rows][outputs / 3]
  Moments* out_moments = nullptr;  // [rows][outputs / 8], for kResidual
  int rows = 0;
  int inputs = 0;
  int outputs = 0;
  Epilogue epilogue = Epilogue::kStore;
  // For kQkv:
  const StepInput* steps = nullptr;  // [rows / 2]
  uint16_t* keys = nullptr;
  uint16_t* values = nullptr;
  KvLayout layout;
};

constexpr int kMaxNormInputs = 2048;
constexpr int kMaxRows = 256;

// A block's shared memory: partial sums and, for LayerNorm, each row's mean and scale, then weights
// and biases.
constexpr size_t LinearSharedBytes(int tiles, int halves, bool norm, int rows, int inputs) {
  const size_t sums = size_t{kLinearWarps} * 64 * halves * tiles;
  return sizeof(float) * (sums + (norm ? (2 * rows + 3) / 4 * 4 + 2 * inputs : 0));
}

// Puts all rows' mean and 1 / deviation into `stats`. Each warp computes kAtOnce rows at a time.
template <int kAtOnce>
VIDMUSE_DEVICE void RowStats(Block& block, const LinearArgs& args, float* stats) {
  constexpr int kMost = kMaxNormInputs / 8 / kWarpThreads;
  const int warp = block.thread() / kWarpThreads, lane = block.thread() % kWarpThreads;
  const int groups = args.inputs / 8, turns = groups / kWarpThreads;
  for (int first = warp; first < args.rows; first += kLinearWarps * kAtOnce) {
    Words2 part[kAtOnce][kMost] = {};
    VIDMUSE_UNROLL
    for (int r = 0; r < kAtOnce; ++r) {
      const int row = first + kLinearWarps * r;
      VIDMUSE_UNROLL
      for (int i = 0; i < kMost; ++i) {
        if (row < args.rows && i < turns) {
          part[r][i] = LoadFresh2(args.moments + static_cast<size_t>(row) * groups +
                                  kWarpThreads * i + lane);
        }
      }
    }
    VIDMUSE_UNROLL
    for (int r = 0; r < kAtOnce; ++r) {
      float mean = BitsToFloat(part[r][0].word[0]), squares = BitsToFloat(part[r][0].word[1]);
      float count = 8;
      VIDMUSE_UNROLL
      for (int i = 1; i < kMost; ++i) {
        if (i >= turns) continue;
        const float delta = BitsToFloat(part[r][i].word[0]) - mean;
        const float part_of_all = 8 / (count + 8);
        mean += delta * part_of_all;
        squares += BitsToFloat(part[r][i].word[1]) + delta * delta * (count * part_of_all);
        count += 8;
      }
      VIDMUSE_UNROLL
      for (int mask = 16; mask > 0; mask /= 2) {
        const float other = block.ShuffleXor(mean, mask);
        const float delta = other - mean;
        squares += block.ShuffleXor(squares, mask) + delta * delta * (0.5f * count);
        mean = 0.5f * (mean + other);
        count *= 2;
      }
      const int row = first + kLinearWarps * r;
      if (lane == 0 && row < args.rows) {
        stats[2 * row] = mean;
        stats[2 * row + 1] = 1 / sqrtf(squares / static_cast<float>(args.inputs) + kNormEpsilon);
      }
    }
  }
}

// Applies the epilogue to one sum. `old` is the number that kResidual adds to. Returns the result
// before rounding and, for kGelu, before GELU.
template <Number kNumber>
VIDMUSE_DEVICE float FinishOutput(const LinearArgs& args, int row, int column, float value,
                                  float old) {
  if (args.scales != nullptr) value *= args.scales[column];
  if (args.bias != nullptr) value += args.bias[column];
  const size_t at = static_cast<size_t>(row) * args.outputs + column;
  switch (args.epilogue) {
    case Epilogue::kStore:
      static_cast<uint16_t*>(args.out)[at] = FromFloat<kNumber>(value);
      return value;
    case Epilogue::kGelu:
      static_cast<uint16_t*>(args.out)[at] =
          FromFloat<kNumber>(0.5f * value * (1 + erff(value * 0.70710678f)));
      return value;
    case Epilogue::kFloat:
      static_cast<float*>(args.out)[at] = value;
      return value;
    case Epilogue::kResidual:
      static_cast<float*>(args.out)[at] = old + value;
      return old + value;
    case Epilogue::kQkv:
      break;
  }
  const int dim = args.outputs / 3;
  if (column < dim) {
    static_cast<uint16_t*>(args.out)[static_cast<size_t>(row) * dim + column] =
        FromFloat<kNumber>(value);
    return value;
  }
  const StepInput& step = args.steps[row / 2];
  if (step.slot < 0) return value;
  const bool is_key = column < 2 * dim;
  const int channel = column - (is_key ? dim : 2 * dim);
  uint16_t* to = is_key ? args.keys : args.values;
  to[step.slot * args.layout.slot + row % 2 * args.layout.row +
     channel / kHeadDim * args.layout.head + step.position * args.layout.position +
     channel % kHeadDim] = FromFloat<kNumber>(value);
  return value;
}

// kTiles: number of tiles of 8 outputs. kHalves: number of half tiles, of 8 rows each, that are
// computed at once: 1, 2 or 4. kChunk: number of 16-byte loads of weights that a thread holds in
// registers for each tile.
template <Number kNumber, bool kInt8, int kTiles, int kHalves, int kChunk, bool kNorm>
struct LinearBody {
  // Minimum number of blocks that fit on a multiprocessor at once.
  static constexpr int kBlocks = kHalves == 1 ? 2 : 1;
  // Number of weights in a load of 16 bytes.
  static constexpr int kLoad = kInt8 ? 16 : 8;
  // Each load of weights is multiplied by this many times 8 numbers of x.
  static constexpr int kParts = kInt8 ? 2 : 1;
  // Number of 16-byte loads that bring these numbers of x.
  static constexpr int kWords = kParts * (kNorm ? 2 : 1);
  static constexpr int kRows = 8 * kHalves, kColumns = 8 * kTiles;
  static constexpr int kRowTiles = (kHalves + 1) / 2;
  static constexpr int kChains = kTiles == 1 ? 2 : 1;
  static constexpr int kOutputs = (kRows * kColumns + kLinearThreads - 1) / kLinearThreads;
  // Number of loads of x in flight at once.
  static constexpr int kBudget = kHalves > 1 ? 16 : kTiles == 4 ? 4 : 8;
  static constexpr int kFits = kBudget / (kHalves * kWords) > 0 ? kBudget / (kHalves * kWords) : 1;
  static constexpr int kBatch = kFits < kChunk ? kFits : kChunk;

  struct Place {
    int first_output, piece_start, blocks, lane;
  };

  VIDMUSE_DEVICE static void LoadWeights(const LinearArgs& args, const Place& place, int chunk,
                                         Words4 (&w)[kChunk][kTiles]) {
    const auto* weights = static_cast<const unsigned char*>(args.weights);
    VIDMUSE_UNROLL
    for (int c = 0; c < kChunk; ++c) {
      VIDMUSE_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        if (chunk * kChunk + c >= place.blocks) continue;
        const int output = place.first_output + 8 * tile + place.lane / 4;
        const size_t at = static_cast<size_t>(output) * args.inputs + place.piece_start +
                          (chunk * kChunk + c) * 4 * kLoad + place.lane % 4 * kLoad;
        w[c][tile] = LoadOnce4(weights + at * (kInt8 ? 1 : 2));
      }
    }
  }

  // Loads a thread's part of x for one load of weights: 8 * kParts numbers of kHalves rows.
  VIDMUSE_DEVICE static void LoadX(const LinearArgs& args, int row0, int k, int lane,
                                   Words4 (&x)[kHalves][kWords]) {
    VIDMUSE_UNROLL
    for (int half = 0; half < kHalves; ++half) {
      const int row = row0 + 8 * half + lane / 4;
      const size_t at = static_cast<size_t>(row) * args.inputs + k;
      VIDMUSE_UNROLL
      for (int i = 0; i < kWords; ++i) {
        x[half][i] = {};
        if (row >= args.rows) continue;
        if constexpr (kNorm) {
          x[half][i] = LoadFresh4(static_cast<const float*>(args.x) + at + 4 * i);
        } else {
          x[half][i] = LoadFresh4(static_cast<const uint16_t*>(args.x) + at + 8 * i);
        }
      }
    }
  }

  // Applies LayerNorm to 8 numbers and rounds them to 16 bits. `weight` is in shared memory and
  // followed by the biases.
  VIDMUSE_DEVICE static Words4 Normed(const Words4* x, float mean, float scale, const float* weight,
                                      int inputs) {
    Words4 result;
    VIDMUSE_UNROLL
    for (int i = 0; i < 2; ++i) {
      const Words4 w = *reinterpret_cast<const Words4*>(weight + 4 * i);
      const Words4 b = *reinterpret_cast<const Words4*>(weight + inputs + 4 * i);
      float y[4];
      VIDMUSE_UNROLL
      for (int j = 0; j < 4; ++j) {
        y[j] = (BitsToFloat(x[i].word[j]) - mean) * scale * BitsToFloat(w.word[j]) +
               BitsToFloat(b.word[j]);
      }
      result.word[2 * i] = Pack<kNumber>(y[0], y[1]);
      result.word[2 * i + 1] = Pack<kNumber>(y[2], y[3]);
    }
    return result;
  }

  // Adds the products of one load of weights, which covers kLoad * 4 inputs.
  VIDMUSE_DEVICE static void Multiply(Block& block, const Words4 (&x)[kHalves][kParts],
                                      const Words4 (&w)[kTiles],
                                      float (&sums)[kTiles][kRowTiles][kChains][4]) {
    VIDMUSE_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      uint32_t b[8];
      VIDMUSE_UNROLL
      for (int i = 0; i < 4; ++i) {
        if constexpr (kInt8) {
          BytesToFp16(w[tile].word[i], b + 2 * i);
        } else {
          b[i] = w[tile].word[i];
        }
      }
      VIDMUSE_UNROLL
      for (int rows = 0; rows < kRowTiles; ++rows) {
        VIDMUSE_UNROLL
        for (int i = 0; i < 2 * kParts; ++i) {
          const Words4& low = x[2 * rows][i / 2];
          const Words4& high = x[kHalves == 1 ? 0 : 2 * rows + 1][i / 2];
          const int at = i % 2 * 2;
          const uint32_t a[4] = {low.word[at], kHalves == 1 ? 0 : high.word[at], low.word[at + 1],
                                 kHalves == 1 ? 0 : high.word[at + 1]};
          MultiplyAccumulate<kNumber>(block, sums[tile][rows][i % kChains], a, b + 2 * i);
        }
      }
    }
  }

  VIDMUSE_DEVICE static void Run(Block& block, const LinearArgs& args) {
    const int thread = block.thread(), warp = thread / kWarpThreads;
    const int piece = args.inputs / kLinearWarps;
    const Place place = {block.x() * kColumns, warp * piece, piece / (4 * kLoad),
                         thread % kWarpThreads};
    const int chunks = (place.blocks + kChunk - 1) / kChunk;
    float* const partial = reinterpret_cast<float*>(block.shared());
    float* const stats = partial + kLinearWarps * kRows * kColumns;
    float* const norm = stats + (2 * args.rows + 3) / 4 * 4;

    block.LaunchNext();
    Words4 w[kChunk][kTiles];
    LoadWeights(args, place, 0, w);
    if constexpr (kNorm) {
      for (int i = 4 * thread; i < args.inputs; i += 4 * kLinearThreads) {
        *reinterpret_cast<Words4*>(norm + i) = LoadOnce4(args.norm_weight + i);
        *reinterpret_cast<Words4*>(norm + args.inputs + i) = LoadOnce4(args.norm_bias + i);
      }
    }
    block.WaitForPrevious();
    // The first batch of x, which is loaded at the same time as its moments.
    Words4 early[kBatch][kHalves][kWords];
    LoadBatch(args, place, 0, 0, 0, early);
    if constexpr (kNorm) {
      RowStats<kHalves>(block, args, stats);
      block.Sync();
    }

    int loaded = 0;
    for (int row0 = 0; row0 < args.rows; row0 += kRows) {
      float sums[kTiles][kRowTiles][kChains][4] = {};
      for (int chunk = 0; chunk < chunks; ++chunk) {
        if (chunk != loaded) {
          LoadWeights(args, place, chunk, w);
          loaded = chunk;
        }
        if (chunk + row0 > 0) LoadBatch(args, place, chunk, 0, row0, early);
        AddChunk(block, args, place, chunk, row0, stats, norm, early, w, sums);
      }
      Reduce(block, args, row0, place.first_output, partial, sums);
    }
  }

  VIDMUSE_DEVICE static int Start(const Place& place, int load) {
    return place.piece_start + load * 4 * kLoad + place.lane % 4 * kLoad;
  }

  // Loads the batch of x that belongs to the chunk's loads of weights from `first` on.
  VIDMUSE_DEVICE static void LoadBatch(const LinearArgs& args, const Place& place, int chunk,
                                       int first, int row0,
                                       Words4 (&raw)[kBatch][kHalves][kWords]) {
    VIDMUSE_UNROLL
    for (int i = 0; i < kBatch; ++i) {
      const int load = chunk * kChunk + first + i;
      if (load < place.blocks) LoadX(args, row0, Start(place, load), place.lane, raw[i]);
    }
  }

  // Adds the products of a chunk. `raw` holds the chunk's first batch of x.
  VIDMUSE_DEVICE static void AddChunk(Block& block, const LinearArgs& args, const Place& place,
                                      int chunk, int row0, const float* stats, const float* norm,
                                      Words4 (&raw)[kBatch][kHalves][kWords],
                                      const Words4 (&w)[kChunk][kTiles],
                                      float (&sums)[kTiles][kRowTiles][kChains][4]) {
    const int lane = place.lane;
    VIDMUSE_UNROLL
    for (int first = 0; first < kChunk; first += kBatch) {
      if (first > 0) LoadBatch(args, place, chunk, first, row0, raw);
      VIDMUSE_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        if (chunk * kChunk + first + i >= place.blocks) continue;
        if constexpr (kNorm) {
          Words4 x[kHalves][kParts];
          VIDMUSE_UNROLL
          for (int half = 0; half < kHalves; ++half) {
            const int row = row0 + 8 * half + lane / 4;
            const float* const own = stats + 2 * (row < args.rows ? row : row0);
            VIDMUSE_UNROLL
            for (int part = 0; part < kParts; ++part) {
              x[half][part] =
                  Normed(raw[i][half] + 2 * part, own[0], own[1],
                         norm + Start(place, chunk * kChunk + first + i) + 8 * part, args.inputs);
            }
          }
          Multiply(block, x, w[first + i], sums);
        } else {
          Multiply(block, raw[i], w[first + i], sums);
        }
      }
    }
  }

  // Adds the warps' pieces in order and applies the epilogue.
  VIDMUSE_DEVICE static void Reduce(Block& block, const LinearArgs& args, int row0,
                                    int first_output, float* partial,
                                    const float (&sums)[kTiles][kRowTiles][kChains][4]) {
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
      for (int half = 0; half < kHalves; ++half) {
        float* const to =
            partial + (warp * kRows + 8 * half + lane / 4) * kColumns + 8 * tile + lane % 4 * 2;
        VIDMUSE_UNROLL
        for (int i = 0; i < 2; ++i) {
          const int at = half % 2 * 2 + i;
          to[i] = sums[tile][half / 2][0][at];
          if constexpr (kChains == 2) to[i] += sums[tile][half / 2][1][at];
        }
      }
    }
    block.Sync();
    VIDMUSE_UNROLL
    for (int i = 0; i < kOutputs; ++i) {
      const int at = thread + i * kLinearThreads, row = row0 + at / kColumns;
      if (at >= kRows * kColumns) continue;  // true for a whole warp or for none of it
      float value = 0;
      if (row < args.rows) {
        float sum = partial[at];
        for (int of = 1; of < kLinearWarps; ++of) sum += partial[of * kRows * kColumns + at];
        value = FinishOutput<kNumber>(args, row, first_output + at % kColumns, sum, old[i]);
      }
      if constexpr (kTiles == 1) {
        if (args.out_moments != nullptr) StoreMoments(block, args, row, first_output, value);
      }
    }
    block.Sync();
  }

  // Stores the moments of 8 adjacent threads' numbers.
  VIDMUSE_DEVICE static void StoreMoments(Block& block, const LinearArgs& args, int row,
                                          int first_output, float value) {
    float mean = value;
    for (int mask = 4; mask > 0; mask /= 2) mean += block.ShuffleXor(mean, mask);
    mean *= 0.125f;
    float squares = (value - mean) * (value - mean);
    for (int mask = 4; mask > 0; mask /= 2) squares += block.ShuffleXor(squares, mask);
    if (row < args.rows && block.thread() % 8 == 0) {
      args.out_moments[static_cast<size_t>(row) * (args.outputs / 8) + first_output / 8] = {
          mean, squares};
    }
  }
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_LINEAR_H_
