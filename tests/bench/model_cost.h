// Computes from the model's sizes how much each stage reads and calculates on a GPU, and the least
// time that takes. tests/unit/model/model_cost_test.cc compares the sizes with the actual tensors.
#ifndef VIDMUSE_TESTS_BENCH_MODEL_COST_H_
#define VIDMUSE_TESTS_BENCH_MODEL_COST_H_

#include <string>
#include <vector>

#include "core/model/architecture/model_config.h"
#include "core/model/torch/device_tensors.h"
#include "nlohmann/json.hpp"

namespace vidmuse {

struct ModelSizes {
  LmConfig lm;
  CodecConfig codec;
  int clip_layers = 12;
  int clip_mlp = 3072;
  int temporal_layers = 2;
};

// Bytes read from or written to the device's memory, and floating point operations, of which a
// multiply-add is two.
struct Cost {
  double bytes = 0;
  double flops = 0;
};

struct Gpu {
  const char* name;
  double bytes_per_second;  // memory bandwidth
  double half_flops;        // per second: dense fp16 or bf16 on tensor cores
  double float_flops;       // per second: fp32 without TF32
};
// From NVIDIA's data sheets for the SXM boards.
inline constexpr Gpu kH100 = {"H100 SXM", 3.35e12, 989e12, 67e12};
inline constexpr Gpu kH200 = {"H200 SXM", 4.8e12, 989e12, 67e12};

// Weights that every step reads: linear layers in `precision`, the heads in fp32. `flops` is for
// the two rows of one request, with and without the condition.
Cost StepWeights(const LmConfig& lm, DevicePrecision precision);
// Keys and values of one sequence position in all layers. `flops` is for one row attending to it.
Cost KeyValue(const LmConfig& lm, DevicePrecision precision);
// KV cache positions of one request that a step reads when shapes are static, for a window with
// room for `steps` steps and `condition_tokens` tokens.
int StaticPositions(int steps, int condition_tokens);
// KV cache positions of one request that hold values after `steps` steps.
int UsedPositions(int steps, int condition_tokens);
// A step of `requests` requests that reads `positions` KV cache positions of each.
Cost Step(const LmConfig& lm, DevicePrecision precision, int requests, int positions);

// CLIP and the conditioner in fp32 for a video whose frames all differ. The weights are read once
// per chunk of frames.
Cost EncodeVideo(const ModelSizes& sizes, int seconds);
double VideoWeightBytes(const ModelSizes& sizes);
// Computing a window's cross-attention keys and values from its condition.
Cost OpenWindow(const LmConfig& lm, DevicePrecision precision, int condition_tokens);
// Decoding a second of audio in fp32, piece by piece.
Cost DecodeSecond(const CodecConfig& codec);
double CodecWeightBytes(const CodecConfig& codec);

// The longer of memory time and arithmetic time. `half`: use the card's fp16 rate.
double LeastSeconds(const Cost& cost, const Gpu& gpu, bool half);

// All costs of one scale, as --model_cost prints them.
nlohmann::json ModelCost(const ModelSizes& sizes, const std::vector<DevicePrecision>& precisions,
                         const std::vector<int>& requests, int seconds);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_MODEL_COST_H_
