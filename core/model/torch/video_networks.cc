#include "core/model/torch/video_networks.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/torch/frame_patches.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr int kHeadDim = 64;
constexpr int kCrossHeads = 3;
constexpr int kMaxWidth = 16384;
constexpr int kChunkRows = kChunkFrames * kTokensPerFrame;
constexpr double kNormEpsilon = 1e-5;
constexpr double kQuickGelu = 1.702;
constexpr char kTower[] = "visual_encoder_model.vision_model.";
constexpr char kEmbeddings[] = "visual_encoder_model.vision_model.embeddings.";

// A tensor that keeps the vector alive.
Tensor OwnFloats(std::vector<float> values, at::IntArrayRef shape) {
  auto owner = std::make_shared<std::vector<float>>(std::move(values));
  return at::from_blob(owner->data(), shape, [owner](void*) {});
}

// What follows a matrix product, fused into it. kAdd: plus another tensor.
enum class Epilogue { kNone, kGelu, kSwish, kAdd };

// A linear layer in oneDNN's blocked layout: near the core's peak, where at::linear may stay below
// half of it (its BLAS favours one vendor).
class PackedLinear {
 public:
  PackedLinear() = default;
  // `weight`: [out, in]; `bias`: [out], or undefined. `type`: of the product's operands.
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

  // x: [kChunkRows, in]; `other`, for kAdd: [kChunkRows, out]. What is added to stays in float32,
  // and so does the sum; else the result has the operands' type.
  Tensor operator()(const Tensor& x, const Tensor& other = Tensor()) const {
    if (!place_matters_) return Run(x, other);
    std::vector<Tensor> frames;
    for (int i = 0; i < kChunkFrames; ++i) {
      frames.push_back(Run(FrameOf(x, i), other.defined() ? FrameOf(other, i) : other));
    }
    return at::cat(frames);
  }

 private:
  // Whether a frame's rows depend, bit for bit, on where in a chunk they are: some kernels sum a
  // product's last rows in another order than its first. Such a layer takes frame by frame.
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

struct Norm {
  Tensor weight, bias;
  Tensor operator()(const Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias, kNormEpsilon);
  }
};

// A pre-norm transformer layer over each frame's tokens.
struct Layer {
  Norm norm1, norm2;
  PackedLinear qkv, out, mlp1, mlp2;
  int heads = 0;

  Tensor operator()(const Tensor& x) const {
    const Tensor projected =
        qkv(norm1(x)).to(at::kFloat).view({kChunkFrames, kTokensPerFrame, 3, heads, kHeadDim});
    const std::vector<Tensor> parts = projected.permute({2, 0, 3, 1, 4}).unbind(0);
    const Tensor attention = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    const Tensor joined =
        attention.transpose(1, 2).reshape({kChunkRows, int64_t{heads} * kHeadDim});
    const Tensor y = out(joined, x);
    return mlp2(mlp1(norm2(y)), y);
  }
};

struct Context : GlobalContext {
  // [1, heads, tokens, head dim]
  Tensor keys, values;
};

struct Transformer {
  Tensor position;  // [kChunkRows, width], the same for each frame
  std::vector<Layer> layers;
  Norm norm;

  Tensor operator()(const Tensor& states) const {
    Tensor x = states + position;
    for (const Layer& layer : layers) x = layer(x);
    return norm(x);
  }
};

// Reads weights by name.
class Loader {
 public:
  // `type`: of the linear layers' operands.
  Loader(WeightReader& reader, at::ScalarType type) : reader_(reader), type_(type) {}

  // Takes the networks' width from the tensor whose rows it is. What comes after needs it.
  absl::Status FindWidth(const std::string& name) {
    ASSIGN_OR_RETURN(width_, Rows(name));
    if (width_ % kHeadDim == 0 && width_ % kCrossHeads == 0 && width_ <= kMaxWidth) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "' has ", width_, " rows, expected a multiple of ",
                     kHeadDim * kCrossHeads, " up to ", kMaxWidth));
  }
  int64_t width() const { return width_; }

  PackedLinear Pack(const Tensor& weight, const Tensor& bias,
                    Epilogue epilogue = Epilogue::kNone) const {
    return PackedLinear(weight, bias, type_, epilogue);
  }

  absl::StatusOr<Tensor> Read(const std::string& name, const std::vector<int64_t>& shape) {
    ASSIGN_OR_RETURN(std::vector<float> values, reader_.Read(name, shape));
    return OwnFloats(std::move(values), shape);
  }

  // Rows of the matrix that Read is asked for next: it refuses what has no rows.
  absl::StatusOr<int64_t> Rows(const std::string& name) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> shape, reader_.Shape(name));
    return shape.empty() ? 1 : std::max<int64_t>(1, shape[0]);
  }

  bool Has(const std::string& name) const { return reader_.Has(name); }

  absl::StatusOr<PackedLinear> Linear(const std::string& name, int64_t out, int64_t in,
                                      Epilogue epilogue = Epilogue::kNone) {
    ASSIGN_OR_RETURN(const Tensor weight, Read(name + ".weight", {out, in}));
    ASSIGN_OR_RETURN(const Tensor bias, Read(name + ".bias", {out}));
    return Pack(weight, bias, epilogue);
  }

  // Layers of the same shape, [width, width], as one.
  absl::StatusOr<PackedLinear> Stacked(const std::vector<std::string>& names,
                                       Epilogue epilogue = Epilogue::kNone) {
    std::vector<Tensor> weights, biases;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const Tensor weight, Read(name + ".weight", {width_, width_}));
      ASSIGN_OR_RETURN(const Tensor bias, Read(name + ".bias", {width_}));
      weights.push_back(weight);
      biases.push_back(bias);
    }
    return Pack(at::cat(weights), at::cat(biases), epilogue);
  }

  absl::StatusOr<Norm> LayerNorm(const std::string& name) {
    Norm norm;
    ASSIGN_OR_RETURN(norm.weight, Read(name + ".weight", {width_}));
    ASSIGN_OR_RETURN(norm.bias, Read(name + ".bias", {width_}));
    return norm;
  }

  absl::StatusOr<Layer> ClipLayer(const std::string& prefix) {
    Layer layer;
    layer.heads = static_cast<int>(width_ / kHeadDim);
    ASSIGN_OR_RETURN(layer.norm1, LayerNorm(prefix + "layer_norm1"));
    ASSIGN_OR_RETURN(layer.norm2, LayerNorm(prefix + "layer_norm2"));
    ASSIGN_OR_RETURN(layer.qkv, Stacked({prefix + "self_attn.q_proj", prefix + "self_attn.k_proj",
                                         prefix + "self_attn.v_proj"}));
    ASSIGN_OR_RETURN(layer.out, Stacked({prefix + "self_attn.out_proj"}, Epilogue::kAdd));
    const std::string mlp = prefix + "mlp.";
    ASSIGN_OR_RETURN(const int64_t width, Rows(mlp + "fc1.weight"));
    ASSIGN_OR_RETURN(const Tensor weight1, Read(mlp + "fc1.weight", {width, width_}));
    ASSIGN_OR_RETURN(const Tensor bias1, Read(mlp + "fc1.bias", {width}));
    ASSIGN_OR_RETURN(const Tensor weight2, Read(mlp + "fc2.weight", {width_, width}));
    ASSIGN_OR_RETURN(const Tensor bias2, Read(mlp + "fc2.bias", {width_}));
    // Quick-GELU is x * sigmoid(1.702 x) = swish(1.702 x) / 1.702, and swish is fused into the
    // product.
    layer.mlp1 = Pack(weight1 * kQuickGelu, bias1 * kQuickGelu, Epilogue::kSwish);
    layer.mlp2 = Pack(weight2 / kQuickGelu, bias2, Epilogue::kAdd);
    return layer;
  }

  absl::StatusOr<Layer> TemporalLayer(const std::string& prefix, int heads, int64_t mlp_width) {
    const int64_t inner = int64_t{heads} * kHeadDim;
    Layer layer;
    layer.heads = heads;
    ASSIGN_OR_RETURN(layer.norm1, LayerNorm(prefix + "0.norm"));
    ASSIGN_OR_RETURN(const Tensor qkv,
                     Read(prefix + "0.fn.to_qkv.weight", {3 * inner, width_}));
    layer.qkv = Pack(qkv, Tensor());
    ASSIGN_OR_RETURN(layer.out,
                     Linear(prefix + "0.fn.to_out.0", width_, inner, Epilogue::kAdd));
    ASSIGN_OR_RETURN(layer.norm2, LayerNorm(prefix + "1.norm"));
    ASSIGN_OR_RETURN(layer.mlp1,
                     Linear(prefix + "1.fn.net.0", mlp_width, width_, Epilogue::kGelu));
    ASSIGN_OR_RETURN(layer.mlp2,
                     Linear(prefix + "1.fn.net.3", width_, mlp_width, Epilogue::kAdd));
    return layer;
  }

  // `branch`: local or global.
  absl::StatusOr<Transformer> Temporal(const std::string& branch, const LmConfig& config) {
    Transformer transformer;
    ASSIGN_OR_RETURN(const Tensor position,
                     Read(branch + "_pos_embedding", {1, kTokensPerFrame, width_}));
    transformer.position = ForChunk(position);
    const std::string prefix = branch + "_temporal_transformer.";
    for (int i = 0; i == 0 || Has(absl::StrCat(prefix, "layers.", i, ".0.norm.weight")); ++i) {
      ASSIGN_OR_RETURN(Layer layer,
                       TemporalLayer(absl::StrCat(prefix, "layers.", i, "."), config.num_heads,
                                     int64_t{width_} * config.hidden_scale));
      transformer.layers.push_back(std::move(layer));
    }
    ASSIGN_OR_RETURN(transformer.norm, LayerNorm(prefix + "norm"));
    return transformer;
  }

  // A frame's rows, once for each frame of a chunk: [kChunkRows, width].
  static Tensor ForChunk(const Tensor& rows) {
    return rows.view({kTokensPerFrame, -1}).repeat({kChunkFrames, 1});
  }

 private:
  WeightReader& reader_;
  const at::ScalarType type_;
  int64_t width_ = 0;
};

class TorchVideoNetworks : public VideoNetworks {
 public:
  absl::Status Read(const LmConfig& config, WeightReader& weights, VideoPrecision precision) {
    Loader loader(weights, precision == VideoPrecision::kBf16 ? at::kBFloat16 : at::kFloat);
    RETURN_IF_ERROR(loader.FindWidth(std::string(kEmbeddings) + "class_embedding"));
    width_ = loader.width();
    RETURN_IF_ERROR(ReadClip(loader));
    ASSIGN_OR_RETURN(local_, loader.Temporal("local", config));
    ASSIGN_OR_RETURN(global_, loader.Temporal("global", config));
    const std::string cross = "multi_head_cross_attention.";
    ASSIGN_OR_RETURN(cross_query_, loader.Stacked({cross + "query"}));
    ASSIGN_OR_RETURN(cross_key_value_, loader.Stacked({cross + "key", cross + "value"}));
    ASSIGN_OR_RETURN(cross_final_, loader.Stacked({cross + "final_linear"}, Epilogue::kAdd));
    ASSIGN_OR_RETURN(cross_norm1_, loader.LayerNorm(cross + "norm1"));
    ASSIGN_OR_RETURN(cross_norm2_, loader.LayerNorm(cross + "norm2"));
    ASSIGN_OR_RETURN(projection_, loader.Linear("visual_feature_proj", config.dim, width_));
    return absl::OkStatus();
  }

  int width() const override { return static_cast<int>(width_); }

  absl::Status Clip(absl::Span<const uint8_t* const> frames,
                    absl::Span<float* const> states) const override {
    return RunTorch([&] {
      Tensor patches = at::zeros({kChunkRows, kPatchFloats});
      for (size_t i = 0; i < frames.size(); ++i) {
        ReadPatches(frames[i], patches.data_ptr<float>() + i * kTokensPerFrame * kPatchFloats);
      }
      Tensor x = clip_norm_(clip_patch_(patches, clip_position_));
      for (const Layer& layer : clip_layers_) x = layer(x);
      Scatter(x, states);
      return absl::OkStatus();
    });
  }

  absl::Status Global(absl::Span<const float* const> states,
                      absl::Span<float* const> keys_values) const override {
    return RunTorch([&] {
      Scatter(cross_key_value_(global_(Gather(states))).to(at::kFloat), keys_values);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const override {
    auto context = std::make_unique<Context>();
    RETURN_IF_ERROR(RunTorch([&] {
      const int64_t tokens = static_cast<int64_t>(keys_values.size()) * kTokensPerFrame;
      Tensor all = at::empty({tokens, 2, kCrossHeads, width_ / kCrossHeads});
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
      const Tensor local = local_(Gather(states));
      const Tensor attended =
          cross_norm1_(Attend(local, static_cast<const Context&>(context)) + local);
      Scatter(projection_(cross_norm2_(cross_final_(attended, attended))).to(at::kFloat), rows);
      return absl::OkStatus();
    });
  }

 private:
  absl::Status ReadClip(Loader& loader) {
    const std::string prefix = kTower;
    const std::string embeddings = kEmbeddings;
    ASSIGN_OR_RETURN(const Tensor patch, loader.Read(embeddings + "patch_embedding.weight",
                                                     {width_, 3, kPatchSize, kPatchSize}));
    ASSIGN_OR_RETURN(const Tensor token,
                     loader.Read(embeddings + "class_embedding", {width_}));
    ASSIGN_OR_RETURN(Tensor position, loader.Read(embeddings + "position_embedding.weight",
                                                  {kTokensPerFrame, width_}));
    clip_patch_ = loader.Pack(patch.view({width_, kPatchFloats}), Tensor(), Epilogue::kAdd);
    // The class token has no pixels: with a patch of zeros, it is all in what is added.
    position[0] += token;
    clip_position_ = Loader::ForChunk(position);
    ASSIGN_OR_RETURN(clip_norm_, loader.LayerNorm(prefix + "pre_layrnorm"));
    const std::string layers = prefix + "encoder.layers.";
    for (int i = 0; i == 0 || loader.Has(absl::StrCat(layers, i, ".layer_norm1.weight")); ++i) {
      ASSIGN_OR_RETURN(Layer layer, loader.ClipLayer(absl::StrCat(layers, i, ".")));
      clip_layers_.push_back(std::move(layer));
    }
    return absl::OkStatus();
  }

  // Cross-attention of a chunk's tokens, [kChunkRows, width].
  Tensor Attend(const Tensor& local, const Context& context) const {
    const int64_t head_dim = width_ / kCrossHeads;
    const Tensor query = cross_query_(local)
                             .to(at::kFloat)
                             .view({kChunkFrames, kTokensPerFrame, kCrossHeads, head_dim})
                             .transpose(1, 2);
    const int64_t tokens = context.keys.size(2);
    const Tensor attention = at::scaled_dot_product_attention(
        query, context.keys.expand({kChunkFrames, kCrossHeads, tokens, head_dim}),
        context.values.expand({kChunkFrames, kCrossHeads, tokens, head_dim}));
    return attention.transpose(1, 2).reshape({kChunkRows, width_});
  }

  // Between frames' own memory and a chunk's rows.
  Tensor Gather(absl::Span<const float* const> states) const {
    Tensor chunk = at::zeros({kChunkRows, width_});
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

  int64_t width_ = 0;
  PackedLinear clip_patch_;
  Tensor clip_position_;  // [kChunkRows, width], with the class token's embedding
  Norm clip_norm_;
  std::vector<Layer> clip_layers_;
  Transformer local_, global_;
  PackedLinear cross_query_, cross_key_value_, cross_final_;
  Norm cross_norm1_, cross_norm2_;
  PackedLinear projection_;
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
