#include "core/model/torch/video_networks.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/torch/frame_patches.h"
#include "core/model/torch/run_torch.h"
#include "core/model/torch/video_tensors.h"

namespace vidmuse {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr int kChunkRows = kChunkFrames * kTokensPerFrame;

// Returns a tensor that owns the vector.
Tensor OwnFloats(std::vector<float> values, at::IntArrayRef shape) {
  auto owner = std::make_shared<std::vector<float>>(std::move(values));
  return at::from_blob(owner->data(), shape, [owner](void*) {});
}

// The operation that is fused into a matrix product. kAdd adds another tensor.
enum class Epilogue { kNone, kGelu, kSwish, kAdd };

// A linear layer in oneDNN's blocked layout, which runs near the core's peak. at::linear may reach
// less than half of it, because its BLAS favours one vendor.
class PackedLinear {
 public:
  PackedLinear() = default;
  // `weight`: [out, in]; `bias`: [out], or undefined; `type`: the type of the product's operands.
  PackedLinear(const Tensor& weight, const Tensor& bias, at::ScalarType type,
               Epilogue epilogue = Epilogue::kNone)
      : type_(type), epilogue_(epilogue) {
    static const auto reorder = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                                    .typed<Tensor(const Tensor&, std::optional<c10::SymInt>)>();
    weight_ = reorder.call(weight.to(type_), c10::SymInt(kChunkRows));
    if (bias.defined()) bias_ = bias.to(type_);
    place_matters_ = PlaceMatters(weight.size(0), weight.size(1));
  }

  // x: [kChunkRows, in]; `other`, for kAdd alone: [kChunkRows, out]. With kAdd, `other` and the
  // result are float32; otherwise the result has the operands' type.
  Tensor operator()(const Tensor& x, const Tensor& other = Tensor()) const {
    if (!place_matters_) return Run(x, other);
    std::vector<Tensor> frames;
    frames.reserve(kChunkFrames);
    for (int i = 0; i < kChunkFrames; ++i) {
      frames.push_back(Run(FrameOf(x, i), other.defined() ? FrameOf(other, i) : other));
    }
    return at::cat(frames);
  }

 private:
  // Returns whether a frame's rows depend, bit for bit, on their place in a chunk, because some
  // kernels sum a product's last rows in another order than its first. Such a layer computes frame
  // by frame.
  bool PlaceMatters(int64_t out, int64_t in) const {
    const Tensor frame = at::arange(kTokensPerFrame * in, at::kFloat).sin().view({-1, in});
    const Tensor y = Run(frame.repeat({kChunkFrames, 1}), at::zeros({kChunkRows, out}));
    for (int i = 1; i < kChunkFrames; ++i) {
      if (!at::equal(FrameOf(y, i), FrameOf(y, 0))) return true;
    }
    return false;
  }

  static Tensor FrameOf(const Tensor& chunk, int i) {
    return chunk.narrow(0, i * kTokensPerFrame, kTokensPerFrame);
  }

  Tensor Run(const Tensor& input, const Tensor& other) const {
    const Tensor x = input.to(type_);
    static const auto plain =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
            .typed<Tensor(const Tensor&, const Tensor&, const OptionalTensor&, std::string_view,
                          c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
    static const auto binary = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("mkldnn::_linear_pointwise", "binary")
                                   .typed<Tensor(const Tensor&, const Tensor&, const Tensor&,
                                                 const OptionalTensor&, std::string_view)>();
    if (epilogue_ == Epilogue::kAdd && type_ == at::kFloat) {
      return binary.call(x, other, weight_, bias_, "add");
    }
    const c10::List<std::optional<at::Scalar>> none;
    if (epilogue_ == Epilogue::kAdd) {
      return plain.call(x, weight_, bias_, "none", none, std::nullopt) + other;
    }
    if (epilogue_ == Epilogue::kGelu) return plain.call(x, weight_, bias_, "gelu", none, "none");
    return plain.call(x, weight_, bias_, epilogue_ == Epilogue::kSwish ? "swish" : "none", none,
                      std::nullopt);
  }

  at::ScalarType type_ = at::kFloat;
  Epilogue epilogue_ = Epilogue::kNone;
  Tensor weight_;
  OptionalTensor bias_;
  bool place_matters_ = false;
};

using Layer = VideoLayer<PackedLinear>;
using Transformer = VideoTransformer<PackedLinear>;

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
PackedLinear Pack(const Tensor& weight, const Tensor& bias, LinearUse use, at::ScalarType type) {
  switch (use) {
    case LinearUse::kPlain:
      return PackedLinear(weight, bias, type);
    case LinearUse::kAdded:
      return PackedLinear(weight, bias, type, Epilogue::kAdd);
    case LinearUse::kGelu:
      return PackedLinear(weight, bias, type, Epilogue::kGelu);
    // Quick-GELU is x * sigmoid(1.702 x) = swish(1.702 x) / 1.702, and swish is fused into the
    // product.
    case LinearUse::kQuickGelu:
      return PackedLinear(weight * kQuickGelu, bias * kQuickGelu, type, Epilogue::kSwish);
    case LinearUse::kAddedAfterQuickGelu:
      return PackedLinear(weight / kQuickGelu, bias, type, Epilogue::kAdd);
  }
  return {};
}

// Repeats a frame's rows for each frame of a chunk: [kChunkRows, width].
void RepeatForChunk(Tensor& rows) { rows = rows.repeat({kChunkFrames, 1}); }

class TorchVideoNetworks : public VideoNetworks {
 public:
  absl::Status Read(const LmConfig& config, WeightReader& weights, VideoPrecision precision) {
    const at::ScalarType type = precision == VideoPrecision::kBf16 ? at::kBFloat16 : at::kFloat;
    VideoTensorReader<PackedLinear> reader(
        config, weights,
        [&](const std::string& name, const std::vector<int64_t>& shape) -> absl::StatusOr<Tensor> {
          ASSIGN_OR_RETURN(std::vector<float> values, weights.Read(name, shape));
          return OwnFloats(std::move(values), shape);
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

  VideoTensors<PackedLinear> t_;
};

}  // namespace

VideoPrecision BestVideoPrecision(bool reduced) {
  return reduced && __builtin_cpu_supports("avx512bf16") ? VideoPrecision::kBf16
                                                         : VideoPrecision::kFp32;
}

absl::StatusOr<std::unique_ptr<const VideoNetworks>> VideoNetworks::Load(const LmConfig& config,
                                                                         WeightReader& weights,
                                                                         VideoPrecision precision) {
  auto networks = std::make_unique<TorchVideoNetworks>();
  RETURN_IF_ERROR(RunTorch([&] { return networks->Read(config, weights, precision); }));
  return networks;
}

}  // namespace vidmuse
