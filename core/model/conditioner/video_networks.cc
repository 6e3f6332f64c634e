#include "core/model/conditioner/video_networks.h"

#include <ATen/ATen.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/conditioner/frame_patches.h"
#include "core/model/conditioner/onednn_linear.h"
#include "core/model/conditioner/video_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

// Returns a tensor that owns the vector.
Tensor OwnFloats(std::vector<float> values, at::IntArrayRef shape) {
  auto owner = std::make_shared<std::vector<float>>(std::move(values));
  return at::from_blob(owner->data(), shape, [owner](void*) {});
}

using Layer = VideoLayer<OneDnnLinear>;
using Transformer = VideoTransformer<OneDnnLinear>;

Tensor Apply(const Layer& layer, const Tensor& x) {
  const Tensor projected =
      layer.qkv(layer.norm1(x))
          .to(at::kFloat)
          .view({kChunkFrames, kTokensPerFrame, 3, layer.heads, kVideoHeadDim});
  const std::vector<Tensor> parts = projected.permute({2, 0, 3, 1, 4}).unbind(0);
  const Tensor attention = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  const Tensor joined =
      attention.transpose(1, 2).reshape({kChunkRows, int64_t{layer.heads} * kVideoHeadDim});
  const Tensor y = layer.out(joined, x);
  return layer.mlp2(layer.mlp1(layer.norm2(y)), y);
}

Tensor Apply(const Transformer& transformer, const Tensor& states) {
  Tensor x = states + transformer.position;
  for (const Layer& layer : transformer.layers) x = Apply(layer, x);
  return transformer.norm(x);
}

struct Context : GlobalContext {
  // [1, heads, tokens, head dim]
  Tensor keys, values;
};

// `type` is the type of the product's operands.
OneDnnLinear Pack(const Tensor& weight, const Tensor& bias, LinearUse use, at::ScalarType type) {
  switch (use) {
    case LinearUse::kPlain:
      return OneDnnLinear(weight, bias, type);
    case LinearUse::kAdded:
      return OneDnnLinear(weight, bias, type, OneDnnLinear::Epilogue::kAdd);
    case LinearUse::kGelu:
      return OneDnnLinear(weight, bias, type, OneDnnLinear::Epilogue::kGelu);
    // Quick-GELU is x * sigmoid(1.702 x) = swish(1.702 x) / 1.702, and swish is fused into the
    // product.
    case LinearUse::kQuickGelu:
      return OneDnnLinear(weight * kQuickGelu, bias * kQuickGelu, type,
                          OneDnnLinear::Epilogue::kSwish);
    case LinearUse::kAddedAfterQuickGelu:
      return OneDnnLinear(weight / kQuickGelu, bias, type, OneDnnLinear::Epilogue::kAdd);
  }
  return {};
}

// Repeats a frame's rows for each frame of a chunk: [kChunkRows, width].
void RepeatForChunk(Tensor& rows) { rows = rows.repeat({kChunkFrames, 1}); }

class TorchVideoNetworks : public VideoNetworks {
 public:
  absl::Status Read(const LmConfig& config, WeightReader& weights, VideoPrecision precision) {
    const at::ScalarType type = precision == VideoPrecision::kBf16 ? at::kBFloat16 : at::kFloat;
    VideoTensorReader<OneDnnLinear> reader(
        config, weights,
        [&](const NamedShape& tensor) -> absl::StatusOr<Tensor> {
          ASSIGN_OR_RETURN(std::vector<float> values, weights.Read(tensor));
          return OwnFloats(std::move(values), tensor.shape);
        },
        [type](const Tensor& weight, const Tensor& bias, LinearUse use) {
          return Pack(weight, bias, use, type);
        });
    ASSIGN_OR_RETURN(t_, reader.Read());
    for (Tensor* rows : {&t_.clip_position, &t_.local.position, &t_.global.position}) {
      RepeatForChunk(*rows);
    }
    return absl::OkStatus();
  }

  int width() const override { return static_cast<int>(t_.width); }

  absl::Status Clip(absl::Span<const uint8_t* const> frames,
                    absl::Span<float* const> states) const override {
    return RunTorch([&] {
      Tensor patches = at::zeros({kChunkRows, kPatchFloats});
      for (size_t i = 0; i < frames.size(); ++i) {
        ReadPatches(frames[i], patches.data_ptr<float>() + i * kTokensPerFrame * kPatchFloats);
      }
      Tensor x = t_.clip_norm(t_.clip_patch(patches, t_.clip_position));
      for (const Layer& layer : t_.clip_layers) x = Apply(layer, x);
      Scatter(x, states);
      return absl::OkStatus();
    });
  }

  absl::Status Global(absl::Span<const float* const> states,
                      absl::Span<float* const> keys_values) const override {
    return RunTorch([&] {
      Scatter(t_.cross_key_value(Apply(t_.global, Gather(states))).to(at::kFloat), keys_values);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const override {
    auto context = std::make_unique<Context>();
    RETURN_IF_ERROR(RunTorch([&] {
      const int64_t tokens = static_cast<int64_t>(keys_values.size()) * kTokensPerFrame;
      Tensor all = at::empty({tokens, 2, kCrossHeads, t_.width / kCrossHeads});
      for (size_t i = 0; i < keys_values.size(); ++i) {
        std::memcpy(all.data_ptr<float>() + i * key_value_floats(), keys_values[i],
                    key_value_floats() * sizeof(float));
      }
      const Tensor by_head = all.permute({1, 2, 0, 3}).contiguous();
      context->keys = by_head.narrow(0, 0, 1);
      context->values = by_head.narrow(0, 1, 1);
      return absl::OkStatus();
    }));
    return context;
  }

  absl::Status Local(absl::Span<const float* const> states, const GlobalContext& context,
                     absl::Span<float* const> rows) const override {
    return RunTorch([&] {
      const Tensor local = Apply(t_.local, Gather(states));
      const Tensor attended =
          t_.cross_norm1(Attend(local, static_cast<const Context&>(context)) + local);
      Scatter(t_.projection(t_.cross_norm2(t_.cross_final(attended, attended))).to(at::kFloat),
              rows);
      return absl::OkStatus();
    });
  }

 private:
  // Applies cross-attention to a chunk's tokens, [kChunkRows, width].
  Tensor Attend(const Tensor& local, const Context& context) const {
    const int64_t head_dim = t_.width / kCrossHeads;
    const Tensor query = t_.cross_query(local)
                             .to(at::kFloat)
                             .view({kChunkFrames, kTokensPerFrame, kCrossHeads, head_dim})
                             .transpose(1, 2);
    const int64_t tokens = context.keys.size(2);
    const Tensor attention = at::scaled_dot_product_attention(
        query, context.keys.expand({kChunkFrames, kCrossHeads, tokens, head_dim}),
        context.values.expand({kChunkFrames, kCrossHeads, tokens, head_dim}));
    return attention.transpose(1, 2).reshape({kChunkRows, t_.width});
  }

  // Gather copies the frames' states into a chunk's rows; Scatter copies rows back to the frames.
  Tensor Gather(absl::Span<const float* const> states) const {
    Tensor chunk = at::zeros({kChunkRows, t_.width});
    for (size_t i = 0; i < states.size(); ++i) {
      std::memcpy(chunk.data_ptr<float>() + i * state_floats(), states[i],
                  state_floats() * sizeof(float));
    }
    return chunk;
  }
  static void Scatter(const Tensor& chunk, absl::Span<float* const> frames) {
    const size_t floats = static_cast<size_t>(kTokensPerFrame * chunk.size(1));
    for (size_t i = 0; i < frames.size(); ++i) {
      std::memcpy(frames[i], chunk.const_data_ptr<float>() + i * floats, floats * sizeof(float));
    }
  }

  VideoTensors<OneDnnLinear> t_;
};

}  // namespace

VideoPrecision BestVideoPrecision(bool reduced) {
  return reduced && __builtin_cpu_supports("avx512bf16") ? VideoPrecision::kBf16
                                                         : VideoPrecision::kFp32;
}

absl::StatusOr<std::unique_ptr<const VideoNetworks>> VideoNetworks::Load(const LmConfig& config,
                                                                         WeightReader& weights,
                                                                         VideoPrecision precision) {
  RETURN_IF_ERROR(CheckOneDnnOperators());
  auto networks = std::make_unique<TorchVideoNetworks>();
  RETURN_IF_ERROR(RunTorch([&] { return networks->Read(config, weights, precision); }));
  return networks;
}

}  // namespace vidmuse
