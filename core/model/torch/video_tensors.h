// Reads the conditioner's weights by name, for both implementations of VideoNetworks. Only their
// .cc files include this.
#ifndef VIDMUSE_MODEL_TORCH_VIDEO_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_VIDEO_TENSORS_H_

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/torch/frame_patches.h"
#include "core/model/torch/video_networks.h"
#include "core/model/weights/weight_reader.h"

namespace vidmuse {

inline constexpr int kVideoHeadDim = 64;  // of CLIP and of the temporal transformers
inline constexpr int kCrossHeads = 3;
inline constexpr double kQuickGelu = 1.702;

// How a linear layer's result is used.
enum class LinearUse { kPlain, kAdded, kGelu, kQuickGelu, kAddedAfterQuickGelu };

struct VideoNorm {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& x) const {
    constexpr double kEpsilon = 1e-5;
    return at::layer_norm(x, weight.sizes(), weight, bias, kEpsilon);
  }
};

// A pre-norm transformer layer over each frame's tokens. qkv: [3 * heads * 64].
template <typename Linear>
struct VideoLayer {
  VideoNorm norm1, norm2;
  Linear qkv, out, mlp1, mlp2;
  int heads = 0;
};

template <typename Linear>
struct VideoTransformer {
  at::Tensor position;  // [50][width]
  std::vector<VideoLayer<Linear>> layers;
  VideoNorm norm;
};

template <typename Linear>
struct VideoTensors {
  int64_t width = 0;
  Linear clip_patch;
  at::Tensor clip_position;  // [50][width], with the class token's embedding
  VideoNorm clip_norm;
  std::vector<VideoLayer<Linear>> clip_layers;
  VideoTransformer<Linear> local, global;
  Linear cross_query, cross_key_value, cross_final;
  VideoNorm cross_norm1, cross_norm2;
  Linear projection;
};

template <typename Linear>
class VideoTensorReader {
 public:
  using ReadTensor = std::function<absl::StatusOr<at::Tensor>(const std::string& name,
                                                              const std::vector<int64_t>& shape)>;
  // weight: [out][in]; bias: [out], or undefined.
  using MakeLinear =
      std::function<Linear(const at::Tensor& weight, const at::Tensor& bias, LinearUse use)>;

  // `weights` provides the tensors' shapes, and `read` reads them.
  VideoTensorReader(const LmConfig& config, WeightReader& weights, ReadTensor read, MakeLinear make)
      : config_(config), weights_(weights), read_(std::move(read)), make_(std::move(make)) {}

  absl::StatusOr<VideoTensors<Linear>> Read() {
    VideoTensors<Linear> tensors;
    RETURN_IF_ERROR(ReadClip(tensors));
    tensors.width = width_;
    ASSIGN_OR_RETURN(tensors.local, Temporal("local"));
    ASSIGN_OR_RETURN(tensors.global, Temporal("global"));
    const std::string cross = "multi_head_cross_attention.";
    ASSIGN_OR_RETURN(tensors.cross_query, Stacked({cross + "query"}));
    ASSIGN_OR_RETURN(tensors.cross_key_value, Stacked({cross + "key", cross + "value"}));
    ASSIGN_OR_RETURN(tensors.cross_final, Stacked({cross + "final_linear"}, LinearUse::kAdded));
    ASSIGN_OR_RETURN(tensors.cross_norm1, Norm(cross + "norm1"));
    ASSIGN_OR_RETURN(tensors.cross_norm2, Norm(cross + "norm2"));
    ASSIGN_OR_RETURN(tensors.projection,
                     Affine("visual_feature_proj", config_.dim, width_, LinearUse::kPlain));
    return tensors;
  }

 private:
  // Returns the number of rows of a matrix that is read next, which fails if it has none.
  absl::StatusOr<int64_t> Rows(const std::string& name) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> shape, weights_.Shape(name));
    return shape.empty() ? 1 : std::max<int64_t>(1, shape[0]);
  }

  // Sets the width of all networks to the number of rows of `name`.
  absl::Status FindWidth(const std::string& name) {
    constexpr int kMaxWidth = 16384;
    ASSIGN_OR_RETURN(width_, Rows(name));
    if (width_ % kVideoHeadDim == 0 && width_ % kCrossHeads == 0 && width_ <= kMaxWidth) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "' has ", width_, " rows, expected a multiple of ",
                     kVideoHeadDim * kCrossHeads, " up to ", kMaxWidth));
  }

  absl::StatusOr<Linear> Affine(const std::string& name, int64_t out, int64_t in, LinearUse use) {
    ASSIGN_OR_RETURN(const at::Tensor weight, read_(name + ".weight", {out, in}));
    ASSIGN_OR_RETURN(const at::Tensor bias, read_(name + ".bias", {out}));
    return make_(weight, bias, use);
  }

  // Stacks layers of the same shape, [width][width], into one.
  absl::StatusOr<Linear> Stacked(const std::vector<std::string>& names,
                                 LinearUse use = LinearUse::kPlain) {
    std::vector<at::Tensor> weights, biases;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(weights.emplace_back(), read_(name + ".weight", {width_, width_}));
      ASSIGN_OR_RETURN(biases.emplace_back(), read_(name + ".bias", {width_}));
    }
    return make_(at::cat(weights), at::cat(biases), use);
  }

  absl::StatusOr<VideoNorm> Norm(const std::string& name) {
    VideoNorm norm;
    ASSIGN_OR_RETURN(norm.weight, read_(name + ".weight", {width_}));
    ASSIGN_OR_RETURN(norm.bias, read_(name + ".bias", {width_}));
    return norm;
  }

  absl::StatusOr<VideoLayer<Linear>> ClipLayer(const std::string& prefix) {
    VideoLayer<Linear> layer;
    layer.heads = static_cast<int>(width_ / kVideoHeadDim);
    ASSIGN_OR_RETURN(layer.norm1, Norm(prefix + "layer_norm1"));
    ASSIGN_OR_RETURN(layer.norm2, Norm(prefix + "layer_norm2"));
    const std::string attention = prefix + "self_attn.";
    ASSIGN_OR_RETURN(layer.qkv,
                     Stacked({attention + "q_proj", attention + "k_proj", attention + "v_proj"}));
    ASSIGN_OR_RETURN(layer.out, Stacked({attention + "out_proj"}, LinearUse::kAdded));
    ASSIGN_OR_RETURN(const int64_t hidden, Rows(prefix + "mlp.fc1.weight"));
    ASSIGN_OR_RETURN(layer.mlp1, Affine(prefix + "mlp.fc1", hidden, width_, LinearUse::kQuickGelu));
    ASSIGN_OR_RETURN(layer.mlp2,
                     Affine(prefix + "mlp.fc2", width_, hidden, LinearUse::kAddedAfterQuickGelu));
    return layer;
  }

  absl::StatusOr<VideoLayer<Linear>> TemporalLayer(const std::string& prefix) {
    const int64_t inner = int64_t{config_.num_heads} * kVideoHeadDim;
    const int64_t hidden = width_ * config_.hidden_scale;
    VideoLayer<Linear> layer;
    layer.heads = config_.num_heads;
    ASSIGN_OR_RETURN(layer.norm1, Norm(prefix + "0.norm"));
    ASSIGN_OR_RETURN(const at::Tensor qkv,
                     read_(prefix + "0.fn.to_qkv.weight", {3 * inner, width_}));
    layer.qkv = make_(qkv, at::Tensor(), LinearUse::kPlain);
    ASSIGN_OR_RETURN(layer.out, Affine(prefix + "0.fn.to_out.0", width_, inner, LinearUse::kAdded));
    ASSIGN_OR_RETURN(layer.norm2, Norm(prefix + "1.norm"));
    ASSIGN_OR_RETURN(layer.mlp1, Affine(prefix + "1.fn.net.0", hidden, width_, LinearUse::kGelu));
    ASSIGN_OR_RETURN(layer.mlp2, Affine(prefix + "1.fn.net.3", width_, hidden, LinearUse::kAdded));
    return layer;
  }

  // `branch`: local or global.
  absl::StatusOr<VideoTransformer<Linear>> Temporal(const std::string& branch) {
    VideoTransformer<Linear> transformer;
    ASSIGN_OR_RETURN(const at::Tensor position,
                     read_(branch + "_pos_embedding", {1, kTokensPerFrame, width_}));
    transformer.position = position[0];
    const std::string prefix = branch + "_temporal_transformer.";
    for (int i = 0; i == 0 || weights_.Has(absl::StrCat(prefix, "layers.", i, ".0.norm.weight"));
         ++i) {
      ASSIGN_OR_RETURN(transformer.layers.emplace_back(),
                       TemporalLayer(absl::StrCat(prefix, "layers.", i, ".")));
    }
    ASSIGN_OR_RETURN(transformer.norm, Norm(prefix + "norm"));
    return transformer;
  }

  absl::Status ReadClip(VideoTensors<Linear>& tensors) {
    const std::string prefix = "visual_encoder_model.vision_model.";
    const std::string embeddings = prefix + "embeddings.";
    RETURN_IF_ERROR(FindWidth(embeddings + "class_embedding"));
    ASSIGN_OR_RETURN(const at::Tensor patch, read_(embeddings + "patch_embedding.weight",
                                                   {width_, 3, kPatchSize, kPatchSize}));
    ASSIGN_OR_RETURN(const at::Tensor token, read_(embeddings + "class_embedding", {width_}));
    ASSIGN_OR_RETURN(tensors.clip_position,
                     read_(embeddings + "position_embedding.weight", {kTokensPerFrame, width_}));
    tensors.clip_patch = make_(patch.view({width_, kPatchFloats}), at::Tensor(), LinearUse::kAdded);
    // The class token has no pixels: its patch is zeros, and its embedding is added to the
    // position.
    tensors.clip_position.select(0, 0).add_(token);
    ASSIGN_OR_RETURN(tensors.clip_norm, Norm(prefix + "pre_layrnorm"));
    const std::string layers = prefix + "encoder.layers.";
    for (int i = 0; i == 0 || weights_.Has(absl::StrCat(layers, i, ".layer_norm1.weight")); ++i) {
      ASSIGN_OR_RETURN(tensors.clip_layers.emplace_back(), ClipLayer(absl::StrCat(layers, i, ".")));
    }
    return absl::OkStatus();
  }

  const LmConfig& config_;
  WeightReader& weights_;
  const ReadTensor read_;
  const MakeLinear make_;
  int64_t width_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_VIDEO_TENSORS_H_
