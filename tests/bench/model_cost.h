// What a GPU has to read and to multiply for each stage, from the model's sizes alone, and how fast
// that can be at best. tests/unit/model/model_cost_test.cc holds it against the tensors themselves.
#ifndef VIDMUSE_TESTS_BENCH_MODEL_COST_H_
#define VIDMUSE_TESTS_BENCH_MODEL_COST_H_

#include <string>
#include <vector>

#include "core/model/checkpoint/model_config.h"
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

// Bytes from the device's memory, and floating point operations (a multiplication and an addition
// are two).
struct Cost {
  double bytes = 0;
  double flops = 0;
};

struct Gpu {
  const char* name;
  double bytes_per_second;  // of its memory
  double half_flops;        // a second, dense fp16 or bf16 on tensor cores
  double float_flops;       // a second, fp32 without TF32
};
// NVIDIA's data sheets, SXM boards.
inline constexpr Gpu kH100 = {"H100 SXM", 3.35e12, 989e12, 67e12};
inline constexpr Gpu kH200 = {"H200 SXM", 4.8e12, 989e12, 67e12};

// Weights that every step reads: linear layers in `precision`, the heads in fp32. `flops`: of one
// request's two rows.
Cost StepWeights(const LmConfig& lm, DevicePrecision precision);
// One sequence position's keys and values, of all layers; `flops`: of one row that attends to it.
Cost KeyValue(const LmConfig& lm, DevicePrecision precision);
// Positions that a step reads of a request: with a window's room in static shapes, and those that
// hold something `steps` steps into a window with `condition_tokens`.
int StaticPositions(int steps, int condition_tokens);
int UsedPositions(int steps, int condition_tokens);
// A step of `requests` requests that reads `positions` positions of each.
Cost Step(const LmConfig& lm, DevicePrecision precision, int requests, int positions);

// CLIP and the conditioner for a video of distinct frames, fp32; the weights are read once a chunk
// of frames.
Cost EncodeVideo(const ModelSizes& sizes, int seconds);
double VideoWeightBytes(const ModelSizes& sizes);
// A window's keys and values from its condition.
Cost OpenWindow(const LmConfig& lm, DevicePrecision precision, int condition_tokens);
// A second of audio, fp32, in pieces.
Cost DecodeSecond(const CodecConfig& codec);
double CodecWeightBytes(const CodecConfig& codec);

// The longer of reading and multiplying.
double LeastSeconds(const Cost& cost, const Gpu& gpu, bool half);

// All of it for one scale, as --model_cost prints it.
nlohmann::json ModelCost(const ModelSizes& sizes, const std::vector<DevicePrecision>& precisions,
                         const std::vector<int>& requests, int seconds);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_MODEL_COST_H_
