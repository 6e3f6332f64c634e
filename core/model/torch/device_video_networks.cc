#include "core/model/torch/device_video_networks.h"

#include <ATen/ATen.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/torch/frame_patches.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int kHeadDim = 64;
constexpr int kClipHeads = kVideoWidth / kHeadDim;
constexpr int kCrossHeads = 3;
constexpr double kNormEpsilon = 1e-5;
constexpr double kQuickGelu = 1.702;

// x is [frames][tokens][in].
struct Linear {
  Tensor weight;  // [in][out]
  Tensor bias;    // [out], or undefined
  Tensor operator()(const Tensor& x) const {
    const Tensor y = at::bmm(x, weight.expand({x.size(0), -1, -1}));
    return bias.defined() ? y + bias : y;
  }
};

struct Norm {
  Tensor weight, bias;
  Tensor operator()(const Tensor& x) const {
    return at::layer_norm(x, {kVideoWidth}, weight, bias, kNormEpsilon);
  }
};

Tensor QuickGelu(const Tensor& x) { return x * at::sigmoid(x * kQuickGelu); }
Tensor Gelu(const Tensor& x) { return at::gelu(x); }

// [frames][tokens][heads * dim] -> [frames][heads][tokens][dim]
Tensor ByHead(const Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, -1}).transpose(1, 2);
}
Tensor Joined(const Tensor& by_head) { return by_head.transpose(1, 2).flatten(2); }

// A pre-norm transformer layer over each frame's tokens.
struct Layer {
  Norm norm1, norm2;
  Linear qkv, out, mlp1, mlp2;
  int heads = 0;
  Tensor (*activation)(const Tensor&) = nullptr;

  Tensor operator()(const Tensor& x) const {
    const std::vector<Tensor> parts = qkv(norm1(x)).chunk(3, 2);
    const Tensor attention = at::scaled_dot_product_attention(
        ByHead(parts[0], heads), ByHead(parts[1], heads), ByHead(parts[2], heads));
    const Tensor y = x + out(Joined(attention));
    return y + mlp2(activation(mlp1(norm2(y))));
  }
};

struct Context : GlobalContext {
  Tensor keys, values;  // [1][heads][tokens][dim]
};

struct Transformer {
  Tensor position;  // [1][tokens][width]
  std::vector<Layer> layers;
  Norm norm;
  Tensor operator()(const Tensor& states) const {
    Tensor x = states + position;
    for (const Layer& layer : layers) x = layer(x);
    return norm(x);
  }
};

class Networks final : public VideoNetworks {
 public:
  explicit Networks(std::shared_ptr<DeviceStream> stream) : stream_(std::move(stream)) {}

  absl::Status Clip(absl::Span<const uint8_t* const> frames,
                    absl::Span<float* const> states) const override {
    return stream_->Run([&] {
      Tensor patches = at::zeros({kChunkFrames, kTokensPerFrame, kPatchFloats});
      for (size_t i = 0; i < frames.size(); ++i) {
        ReadPatches(frames[i], patches[static_cast<int64_t>(i)].mutable_data_ptr<float>());
      }
      Tensor x = clip_norm_(clip_patch_(patches.to(clip_position_.device())) + clip_position_);
      for (const Layer& layer : clip_layers_) x = layer(x);
      Scatter(x, states);
      return absl::OkStatus();
    });
  }

  absl::Status Global(absl::Span<const float* const> states,
                      absl::Span<float* const> keys_values) const override {
    return stream_->Run([&] {
      Scatter(cross_key_value_(global_(Gather(states))), keys_values);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const override {
    auto context = std::make_unique<Context>();
    RETURN_IF_ERROR(stream_->Run([&] {
      const auto frames = static_cast<int64_t>(keys_values.size());
      Tensor all = at::empty({frames, kTokensPerFrame, 2, kVideoWidth});
      for (size_t i = 0; i < keys_values.size(); ++i) {
        std::memcpy(all.mutable_data_ptr<float>() + i * kKeyValueFloats, keys_values[i],
                    kKeyValueFloats * sizeof(float));
      }
      const Tensor tokens = all.to(clip_position_.device()).flatten(0, 1).unsqueeze(0);
      context->keys = ByHead(tokens.select(2, 0), kCrossHeads).contiguous();
      context->values = ByHead(tokens.select(2, 1), kCrossHeads).contiguous();
      return absl::OkStatus();
    }));
    return context;
  }

  absl::Status Local(absl::Span<const float* const> states, const GlobalContext& context,
                     absl::Span<float* const> rows) const override {
    const auto& global = static_cast<const Context&>(context);
    return stream_->Run([&] {
      const auto for_all = [](const Tensor& x) { return x.expand({kChunkFrames, -1, -1, -1}); };
      const Tensor local = local_(Gather(states));
      const Tensor attention = Joined(at::scaled_dot_product_attention(
          ByHead(cross_query_(local), kCrossHeads), for_all(global.keys), for_all(global.values)));
      const Tensor attended = cross_norm1_(attention + local);
      Scatter(projection_(cross_norm2_(cross_final_(attended) + attended)), rows);
      return absl::OkStatus();
    });
  }

 private:
  friend class Loader;

  // Between frames' own memory and a chunk on the device.
  Tensor Gather(absl::Span<const float* const> states) const {
    Tensor chunk = at::zeros({kChunkFrames, kTokensPerFrame, kVideoWidth});
    for (size_t i = 0; i < states.size(); ++i) {
      std::memcpy(chunk.mutable_data_ptr<float>() + i * kStateFloats, states[i],
                  kStateFloats * sizeof(float));
    }
    return chunk.to(clip_position_.device());
  }
  static void Scatter(const Tensor& chunk, absl::Span<float* const> frames) {
    const Tensor host = chunk.to(at::kCPU).contiguous();
    const auto floats = static_cast<size_t>(host[0].numel());
    for (size_t i = 0; i < frames.size(); ++i) {
      std::memcpy(frames[i], host.const_data_ptr<float>() + i * floats, floats * sizeof(float));
    }
  }

  const std::shared_ptr<DeviceStream> stream_;
  Linear clip_patch_;
  Tensor clip_position_;  // [1][tokens][width], with the class token's embedding
  Norm clip_norm_;
  std::vector<Layer> clip_layers_;
  Transformer local_, global_;
  Linear cross_query_, cross_key_value_, cross_final_;
  Norm cross_norm1_, cross_norm2_;
  Linear projection_;
};

// Reads weights by name.
class Loader {
 public:
  Loader(const LmConfig& config, DeviceReader& reader) : config_(config), reader_(reader) {}

  size_t bytes() const { return bytes_; }

  absl::Status Load(Networks& networks) {
    RETURN_IF_ERROR(LoadClip(networks));
    ASSIGN_OR_RETURN(networks.local_, Temporal("local"));
    ASSIGN_OR_RETURN(networks.global_, Temporal("global"));
    const std::string cross = "multi_head_cross_attention.";
    ASSIGN_OR_RETURN(networks.cross_query_, Stacked({cross + "query"}));
    ASSIGN_OR_RETURN(networks.cross_key_value_, Stacked({cross + "key", cross + "value"}));
    ASSIGN_OR_RETURN(networks.cross_final_, Stacked({cross + "final_linear"}));
    ASSIGN_OR_RETURN(networks.cross_norm1_, LayerNorm(cross + "norm1"));
    ASSIGN_OR_RETURN(networks.cross_norm2_, LayerNorm(cross + "norm2"));
    ASSIGN_OR_RETURN(networks.projection_, Affine("visual_feature_proj", config_.dim, kVideoWidth));
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Tensor> Read(const std::string& name, const std::vector<int64_t>& shape) {
    ASSIGN_OR_RETURN(const Tensor tensor, reader_.Read(name, shape));
    bytes_ += tensor.nbytes();
    return tensor;
  }

  bool Has(const std::string& name) { return reader_.weights().Has(name); }

  absl::StatusOr<Linear> Affine(const std::string& name, int64_t out, int64_t in) {
    Linear linear;
    ASSIGN_OR_RETURN(const Tensor weight, Read(name + ".weight", {out, in}));
    linear.weight = weight.t();
    ASSIGN_OR_RETURN(linear.bias, Read(name + ".bias", {out}));
    return linear;
  }

  // Layers of the same shape, [width, width], as one.
  absl::StatusOr<Linear> Stacked(const std::vector<std::string>& names) {
    std::vector<Tensor> weights, biases;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const Linear linear, Affine(name, kVideoWidth, kVideoWidth));
      weights.push_back(linear.weight.t());
      biases.push_back(linear.bias);
    }
    return Linear{at::cat(weights).t(), at::cat(biases)};
  }

  absl::StatusOr<Norm> LayerNorm(const std::string& name) {
    Norm norm;
    ASSIGN_OR_RETURN(norm.weight, Read(name + ".weight", {kVideoWidth}));
    ASSIGN_OR_RETURN(norm.bias, Read(name + ".bias", {kVideoWidth}));
    return norm;
  }

  absl::StatusOr<Layer> ClipLayer(const std::string& prefix) {
    Layer layer;
    layer.heads = kClipHeads;
    layer.activation = QuickGelu;
    ASSIGN_OR_RETURN(layer.norm1, LayerNorm(prefix + "layer_norm1"));
    ASSIGN_OR_RETURN(layer.norm2, LayerNorm(prefix + "layer_norm2"));
    const std::string attention = prefix + "self_attn.";
    ASSIGN_OR_RETURN(layer.qkv,
                     Stacked({attention + "q_proj", attention + "k_proj", attention + "v_proj"}));
    ASSIGN_OR_RETURN(layer.out, Stacked({attention + "out_proj"}));
    ASSIGN_OR_RETURN(const std::vector<int64_t> shape,
                     reader_.weights().Shape(prefix + "mlp.fc1.weight"));
    const int64_t width = shape.empty() ? 1 : std::max<int64_t>(1, shape[0]);
    ASSIGN_OR_RETURN(layer.mlp1, Affine(prefix + "mlp.fc1", width, kVideoWidth));
    ASSIGN_OR_RETURN(layer.mlp2, Affine(prefix + "mlp.fc2", kVideoWidth, width));
    return layer;
  }

  absl::StatusOr<Layer> TemporalLayer(const std::string& prefix) {
    const int64_t inner = int64_t{config_.num_heads} * kHeadDim;
    const int64_t mlp_width = int64_t{kVideoWidth} * config_.hidden_scale;
    Layer layer;
    layer.heads = config_.num_heads;
    layer.activation = Gelu;
    ASSIGN_OR_RETURN(layer.norm1, LayerNorm(prefix + "0.norm"));
    ASSIGN_OR_RETURN(const Tensor qkv,
                     Read(prefix + "0.fn.to_qkv.weight", {3 * inner, kVideoWidth}));
    layer.qkv.weight = qkv.t();
    ASSIGN_OR_RETURN(layer.out, Affine(prefix + "0.fn.to_out.0", kVideoWidth, inner));
    ASSIGN_OR_RETURN(layer.norm2, LayerNorm(prefix + "1.norm"));
    ASSIGN_OR_RETURN(layer.mlp1, Affine(prefix + "1.fn.net.0", mlp_width, kVideoWidth));
    ASSIGN_OR_RETURN(layer.mlp2, Affine(prefix + "1.fn.net.3", kVideoWidth, mlp_width));
    return layer;
  }

  // `branch`: local or global.
  absl::StatusOr<Transformer> Temporal(const std::string& branch) {
    Transformer transformer;
    ASSIGN_OR_RETURN(transformer.position,
                     Read(branch + "_pos_embedding", {1, kTokensPerFrame, kVideoWidth}));
    const std::string prefix = branch + "_temporal_transformer.";
    for (int i = 0; i == 0 || Has(absl::StrCat(prefix, "layers.", i, ".0.norm.weight")); ++i) {
      ASSIGN_OR_RETURN(Layer layer, TemporalLayer(absl::StrCat(prefix, "layers.", i, ".")));
      transformer.layers.push_back(std::move(layer));
    }
    ASSIGN_OR_RETURN(transformer.norm, LayerNorm(prefix + "norm"));
    return transformer;
  }

  absl::Status LoadClip(Networks& networks) {
    const std::string prefix = "visual_encoder_model.vision_model.";
    const std::string embeddings = prefix + "embeddings.";
    ASSIGN_OR_RETURN(const Tensor patch, Read(embeddings + "patch_embedding.weight",
                                              {kVideoWidth, 3, kPatchSize, kPatchSize}));
    ASSIGN_OR_RETURN(const Tensor token, Read(embeddings + "class_embedding", {kVideoWidth}));
    ASSIGN_OR_RETURN(const Tensor position, Read(embeddings + "position_embedding.weight",
                                                 {kTokensPerFrame, kVideoWidth}));
    networks.clip_patch_.weight = patch.view({kVideoWidth, kPatchFloats}).t();
    // The class token has no pixels: with a patch of zeros, it is all in what is added.
    networks.clip_position_ = position.clone().unsqueeze(0);
    networks.clip_position_.select(1, 0).add_(token);
    ASSIGN_OR_RETURN(networks.clip_norm_, LayerNorm(prefix + "pre_layrnorm"));
    const std::string layers = prefix + "encoder.layers.";
    for (int i = 0; i == 0 || Has(absl::StrCat(layers, i, ".layer_norm1.weight")); ++i) {
      ASSIGN_OR_RETURN(Layer layer, ClipLayer(absl::StrCat(layers, i, ".")));
      networks.clip_layers_.push_back(std::move(layer));
    }
    return absl::OkStatus();
  }

  const LmConfig& config_;
  DeviceReader& reader_;
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const VideoNetworks>> LoadDeviceVideoNetworks(
    const LmConfig& config, DeviceReader& reader, std::shared_ptr<DeviceStream> stream,
    size_t* weight_bytes) {
  auto networks = std::make_unique<Networks>(std::move(stream));
  Loader loader(config, reader);
  RETURN_IF_ERROR(loader.Load(*networks));
  if (weight_bytes != nullptr) *weight_bytes = loader.bytes();
  return networks;
}

}  // namespace vidmuse
