#include "tests/bench/model_cost.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/model/gpu/token_model.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr double kFloat = sizeof(float);
constexpr double kWidth = 768;  // width of CLIP and of the temporal transformers
constexpr double kFrameTokens = 50;
constexpr double kGlobalFrameCount = 32;
constexpr double kChunk = 4;  // frames computed at once
constexpr double kHeadDim = 64;
constexpr int kCrossRowTokens = 50;  // tokens of the null condition
constexpr double kPieceFrames = 25;  // token frames that the codec decodes at once
constexpr double kPieceContext = 2;

double Number(DevicePrecision precision) { return precision == DevicePrecision::kFp32 ? 4 : 2; }

int RoundUp(int value) { return (value + gpu::kSplit - 1) / gpu::kSplit * gpu::kSplit; }

double LayerNumbers(const LmConfig& lm) {
  const double square = double{1} * lm.dim * lm.dim;
  // Cross-attention keys and values are cached, so a step doesn't read their weights.
  return square * (3 + 1 + 1 + 1 + 2 * lm.hidden_scale);
}

double HeadNumbers(const LmConfig& lm) { return double{1} * lm.codebooks * lm.card * lm.dim; }

// Number of elements of a matrix and its bias.
double Affine(double out, double in) { return out * in + out; }

double ClipLayer(const ModelSizes& sizes) {
  return 4 * Affine(kWidth, kWidth) + 4 * kWidth + Affine(sizes.clip_mlp, kWidth) +
         Affine(kWidth, sizes.clip_mlp);
}

double TemporalLayer(const ModelSizes& sizes) {
  const double inner = kHeadDim * sizes.lm.num_heads, mlp = kWidth * sizes.lm.hidden_scale;
  return 4 * kWidth + 3 * inner * kWidth + Affine(kWidth, inner) + Affine(mlp, kWidth) +
         Affine(kWidth, mlp);
}

double TemporalNumbers(const ModelSizes& sizes) {
  return kFrameTokens * kWidth + sizes.temporal_layers * TemporalLayer(sizes) + 2 * kWidth;
}

double ClipNumbers(const ModelSizes& sizes) {
  constexpr double kPatch = 3 * 32 * 32;
  return kWidth * kPatch + kWidth + kFrameTokens * kWidth + 2 * kWidth +
         sizes.clip_layers * ClipLayer(sizes);
}

double CrossNumbers() { return 4 * Affine(kWidth, kWidth) + 4 * kWidth; }

// Sums the weights and operations of convolutions. `positions` is the number of output positions
// per token frame; for transposed convolutions it is that of input positions.
struct CodecSum {
  double numbers = 0;
  double frame_flops = 0;
  void Add(double out, double in, double kernel, double positions) {
    numbers += out * in * kernel + out;
    frame_flops += 2 * out * in * kernel * positions;
  }
};

CodecSum SumCodec(const CodecConfig& codec) {
  CodecSum sum;
  double channels = codec.n_filters * std::pow(2, codec.ratios.size());
  sum.Add(channels, codec.dimension, codec.kernel_size, 1);
  for (int i = 0; i < codec.lstm_layers; ++i) {
    sum.numbers += 8 * channels * channels + 8 * channels;
    sum.frame_flops += 2 * 8 * channels * channels;
  }
  double positions = 1;
  for (const int ratio : codec.ratios) {
    // In a transposed convolution, each input contributes to 2 * ratio outputs.
    sum.Add(channels / 2, channels, 2 * ratio, positions);
    positions *= ratio;
    channels /= 2;
    const double hidden = channels / codec.compress;
    sum.Add(hidden, channels, codec.residual_kernel_size, positions);
    sum.Add(channels, hidden, 1, positions);
  }
  sum.Add(1, channels, codec.last_kernel_size, positions);
  return sum;
}

json Limits(const Cost& cost, bool half) {
  json result = {{"gb", cost.bytes / 1e9}, {"gflop", cost.flops / 1e9}};
  for (const Gpu& gpu : {kH100, kH200}) {
    result[gpu.name + std::string(" at best, ms")] = 1e3 * LeastSeconds(cost, gpu, half);
  }
  return result;
}

json OfPrecision(const ModelSizes& sizes, DevicePrecision precision,
                 const std::vector<int>& requests, int steps, int tokens) {
  const bool half = precision != DevicePrecision::kFp32;
  json result;
  result["weights of a step"] = Limits(StepWeights(sizes.lm, precision), half);
  const auto positions = [&](int count) {
    const Cost one = KeyValue(sizes.lm, precision);
    return Limits({count * one.bytes, 2 * count * one.flops}, half);
  };
  result["keys and values of a request, as read"] = positions(StaticPositions(steps, tokens));
  result["keys and values of a request, in use half way"] =
      positions(UsedPositions(steps / 2, tokens));
  result["window opening"] = Limits(OpenWindow(sizes.lm, precision, tokens), half);
  for (const int count : requests) {
    json step = Limits(Step(sizes.lm, precision, count, StaticPositions(steps, tokens)), half);
    step["requests"] = count;
    result["step"].push_back(step);
  }
  return result;
}

}  // namespace

Cost StepWeights(const LmConfig& lm, DevicePrecision precision) {
  const double layers = lm.num_layers * LayerNumbers(lm);
  return {layers * Number(precision) + HeadNumbers(lm) * kFloat,
          2 * 2 * (layers + HeadNumbers(lm))};
}

Cost KeyValue(const LmConfig& lm, DevicePrecision precision) {
  const double numbers = 2.0 * lm.num_layers * lm.dim;
  return {numbers * Number(precision), 2 * numbers};
}

int StaticPositions(int steps, int condition_tokens) {
  return 2 * RoundUp(steps) + RoundUp(condition_tokens);
}

int UsedPositions(int steps, int condition_tokens) { return 2 * steps + condition_tokens; }

Cost Step(const LmConfig& lm, DevicePrecision precision, int requests, int positions) {
  const Cost weights = StepWeights(lm, precision);
  const Cost one = KeyValue(lm, precision);
  return {weights.bytes + (double{1} * requests * positions + kCrossRowTokens) * one.bytes,
          requests * (weights.flops + (positions + kCrossRowTokens) * one.flops)};
}

double VideoWeightBytes(const ModelSizes& sizes) {
  return kFloat * (ClipNumbers(sizes) + 2 * TemporalNumbers(sizes) + CrossNumbers() +
                   Affine(sizes.lm.dim, kWidth));
}

Cost EncodeVideo(const ModelSizes& sizes, int seconds) {
  const double local = 2.0 * seconds, frames = local + kGlobalFrameCount;
  // Each weight takes one multiply-add per token.
  const double per_token = 2 * kFrameTokens;
  const double attention = 4 * kFrameTokens * kFrameTokens;
  Cost cost;
  cost.flops = frames * (per_token * (ClipNumbers(sizes) + TemporalNumbers(sizes)) +
                         attention * (sizes.clip_layers * kWidth +
                                      sizes.temporal_layers * kHeadDim * sizes.lm.num_heads));
  cost.flops += local * (per_token * (CrossNumbers() + Affine(sizes.lm.dim, kWidth)) +
                         attention * kGlobalFrameCount * kWidth);
  cost.bytes = std::ceil(frames / kChunk) * VideoWeightBytes(sizes);
  return cost;
}

Cost OpenWindow(const LmConfig& lm, DevicePrecision precision, int condition_tokens) {
  const double weights = 2.0 * lm.num_layers * lm.dim * lm.dim;
  const double written = condition_tokens * KeyValue(lm, precision).bytes;
  return {weights * Number(precision) + written, 2 * weights * condition_tokens};
}

double CodecWeightBytes(const CodecConfig& codec) { return kFloat * SumCodec(codec).numbers; }

Cost DecodeSecond(const CodecConfig& codec) {
  const double frames = 1.0 * codec.sample_rate / codec.samples_per_frame();
  const double computed = frames * (kPieceFrames + kPieceContext) / kPieceFrames;
  return {frames / kPieceFrames * CodecWeightBytes(codec), computed * SumCodec(codec).frame_flops};
}

double LeastSeconds(const Cost& cost, const Gpu& gpu, bool half) {
  return std::max(cost.bytes / gpu.bytes_per_second,
                  cost.flops / (half ? gpu.half_flops : gpu.float_flops));
}

json ModelCost(const ModelSizes& sizes, const std::vector<DevicePrecision>& precisions,
               const std::vector<int>& requests, int seconds) {
  json result;
  for (const Gpu& gpu : {kH100, kH200}) {
    result["assumed"][gpu.name] = {{"memory, TB/s", gpu.bytes_per_second / 1e12},
                                   {"fp16 and bf16, TFLOP/s", gpu.half_flops / 1e12},
                                   {"fp32, TFLOP/s", gpu.float_flops / 1e12}};
  }
  result["what"] =
      "the longer of bytes / bandwidth and operations / peak: nothing runs faster, and what is "
      "launched takes its own time on top. Not measured on a GPU.";
  const int steps = 50 * seconds + sizes.lm.codebooks, tokens = 100 * seconds;
  for (const DevicePrecision precision : precisions) {
    result["precisions"][DevicePrecisionName(precision)] =
        OfPrecision(sizes, precision, requests, steps, tokens);
  }
  result["video to condition"] = Limits(EncodeVideo(sizes, seconds), false);
  result["a second of audio"] = Limits(DecodeSecond(sizes.codec), false);
  return result;
}

}  // namespace vidmuse
