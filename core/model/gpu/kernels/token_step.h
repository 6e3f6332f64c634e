// One decoding step of the token model as a sequence of kernel launches: 8 per layer, and 3 more.
//
//   embed
//   each layer: norm + qkv + K/V write, self-attention, projection + residual,
//               norm + cross q, cross-attention, projection + residual,
//               norm + linear1 + GELU, linear2 + residual
//   norm + heads, sample
//
// This is plain C++ without CUDA. A Launcher runs the launches, on a device or, in tests, on the
// host.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_TOKEN_STEP_H_
#define VIDMUSE_MODEL_GPU_KERNELS_TOKEN_STEP_H_

#include <cstdint>

#include "core/model/gpu/kernels/attention.h"
#include "core/model/gpu/kernels/embed.h"
#include "core/model/gpu/kernels/linear.h"
#include "core/model/gpu/kernels/sample.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

// The number format of weights. With int8, all 16-bit numbers are fp16.
enum class WeightFormat { kFp16, kBf16, kInt8 };

struct Matrix {
  const void* weights = nullptr;  // [outputs][inputs]
  const float* scales = nullptr;  // [outputs], for int8
};

struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

// Pointers are to the device's memory.
struct TokenStepLayer {
  Norm norm1, norm_cross, norm2;
  Matrix qkv, self_out, cross_q, cross_out, linear1, linear2;
  uint16_t* self_keys = nullptr;  // by self_layout
  uint16_t* self_values = nullptr;
  const void* condition_keys = nullptr;  // by condition_layout; int8 if there are scales
  const void* condition_values = nullptr;
  const float* k_scales = nullptr;  // see AttentionArgs
  const float* v_scales = nullptr;
  const uint16_t* null_keys = nullptr;  // [heads][null_tokens][64]
  const uint16_t* null_values = nullptr;
};

struct TokenStep {
  WeightFormat format = WeightFormat::kFp16;
  int num_layers = 0;
  int dim = 0;
  int heads = 0;
  int ffn = 0;
  int codebooks = 0;
  int card = 0;
  int positions = 0;         // that self_layout has room for
  int condition_tokens = 0;  // that condition_layout has room for
  int null_tokens = 0;
  const TokenStepLayer* layers = nullptr;  // on the host
  Norm out_norm;
  Matrix out;                            // [codebooks * card][dim]
  const float* embeddings = nullptr;     // [codebooks][card + 1][dim]
  const float* position_rows = nullptr;  // [positions][dim]
  KvLayout self_layout;
  KvLayout condition_layout;
  // Input, output and scratch memory, for the largest number of requests:
  const StepInput* inputs = nullptr;  // [requests]
  float* x = nullptr;                 // [requests * 2][dim]
  Moments* moments = nullptr;         // [requests * 2][dim / 8]
  uint16_t* q = nullptr;              // [requests * 2][dim]
  uint16_t* attention = nullptr;      // [requests * 2][dim]
  uint16_t* hidden = nullptr;         // [requests * 2][ffn]
  float* logits = nullptr;            // [requests * 2][codebooks * card]
  float* partials = nullptr;          // AttentionPartials of the longer cache
  uint32_t* counters = nullptr;       // AttentionCounters, 0 before the first step
  float* guided = nullptr;            // [requests][codebooks][card]
  int32_t* tokens = nullptr;          // [requests][codebooks]
};

// Returns whether the kernels support this model's sizes: heads of 64, `dim` and `ffn` multiples of
// 256 (of 512 for int8), `dim` up to 2,048, `card` a multiple of 8 up to 2,048, up to 8 codebooks,
// up to 4,096 positions and condition tokens, and a null condition of up to 128 tokens.
bool KernelsFit(const TokenStep& step);

// How a linear layer is divided. `tiles` follows from the layer's shape alone; the other choices
// don't change the bits of a result.
struct LinearShape {
  int tiles = 1;   // tiles of 8 outputs per block: 1, 3 or 4
  int halves = 1;  // groups of 8 rows at once: 1, 2 or 4
  int chunk = 4;   // see LinearBody
  int blocks(int outputs) const { return outputs / (8 * tiles); }
};
LinearShape ChooseLinear(const LinearArgs& args, WeightFormat format);

class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual void Embed(const EmbedArgs& args, int requests) = 0;
  virtual void Linear(const LinearArgs& args) = 0;
  virtual void Attention(const AttentionArgs& args, int rows) = 0;
  virtual void Sample(const SampleArgs& args, int requests) = 0;
};

// Launches the step of `requests` requests, at most kMaxRows / 2, from inputs to tokens.
void LaunchTokenStep(const TokenStep& step, int requests, Launcher& launcher);

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_TOKEN_STEP_H_
