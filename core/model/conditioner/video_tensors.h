// Reads the conditioner's weights, for both implementations of VideoNetworks. Only their .cc files
// include this: it includes Torch.
#ifndef VIDMUSE_MODEL_CONDITIONER_VIDEO_TENSORS_H_
#define VIDMUSE_MODEL_CONDITIONER_VIDEO_TENSORS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/weight_reader.h"

namespace vidmuse {

// How a linear layer's result is used.
enum class LinearUse { kPlain, kAdded, kGelu, kQuickGelu, kAddedAfterQuickGelu };

struct VideoNorm {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias, kNormEpsilon);
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
  using ReadTensor = std::function<absl::StatusOr<at::Tensor>(const NamedShape& tensor)>;
  // weight: [out][in]; bias: [out], or undefined.
  using MakeLinear =
      std::function<Linear(const at::Tensor& weight, const at::Tensor& bias, LinearUse use)>;

  // `weights` provides the tensors' shapes, and `read` reads them.
  VideoTensorReader(const LmConfig& config, WeightReader& weights, ReadTensor read, MakeLinear make)
      : config_(config), weights_(weights), read_(std::move(read)), make_(std::move(make)) {}

  absl::StatusOr<VideoTensors<Linear>> Read() {
    ASSIGN_OR_RETURN(const ConditionerConfig sizes,
                     FindConditionerConfig([&](const std::string& name) {
                       absl::StatusOr<std::vector<int64_t>> shape = weights_.Shape(name);
                       return shape.ok() ? std::optional(*std::move(shape)) : std::nullopt;
                     }));
    const ConditionerTensors source = ConditionerTensors::Of(config_, sizes);
    VideoTensors<Linear> tensors;
    tensors.width = sizes.width;
    RETURN_IF_ERROR(ReadClip(source.clip, tensors));
    ASSIGN_OR_RETURN(tensors.local, Temporal(source.local));
    ASSIGN_OR_RETURN(tensors.global, Temporal(source.global));
    ASSIGN_OR_RETURN(tensors.cross_query, Stacked({source.cross_query}));
    ASSIGN_OR_RETURN(tensors.cross_key_value, Stacked({source.cross_key, source.cross_value}));
    ASSIGN_OR_RETURN(tensors.cross_final, Stacked({source.cross_final}, LinearUse::kAdded));
    ASSIGN_OR_RETURN(tensors.cross_norm1, Norm(source.cross_norm1));
    ASSIGN_OR_RETURN(tensors.cross_norm2, Norm(source.cross_norm2));
    ASSIGN_OR_RETURN(tensors.projection, Stacked({source.projection}));
    return tensors;
  }

 private:
  // Stacks layers with the same inputs into one.
  absl::StatusOr<Linear> Stacked(const std::vector<LinearTensors>& layers,
                                 LinearUse use = LinearUse::kPlain) {
    std::vector<at::Tensor> weights, biases;
    for (const LinearTensors& layer : layers) {
      ASSIGN_OR_RETURN(weights.emplace_back(), read_(layer.weight));
      ASSIGN_OR_RETURN(biases.emplace_back(), read_(layer.bias));
    }
    // One layer alone is not copied.
    const auto joined = [](const std::vector<at::Tensor>& parts) {
      return parts.size() == 1 ? parts[0] : at::cat(parts);
    };
    return make_(joined(weights), joined(biases), use);
  }

  absl::StatusOr<VideoNorm> Norm(const NormTensors& source) {
    VideoNorm norm;
    ASSIGN_OR_RETURN(norm.weight, read_(source.weight));
    ASSIGN_OR_RETURN(norm.bias, read_(source.bias));
    return norm;
  }

  absl::StatusOr<VideoLayer<Linear>> ClipLayer(const ClipLayerTensors& source, int64_t width) {
    VideoLayer<Linear> layer;
    layer.heads = static_cast<int>(width / kVideoHeadDim);
    ASSIGN_OR_RETURN(layer.norm1, Norm(source.norm1));
    ASSIGN_OR_RETURN(layer.norm2, Norm(source.norm2));
    ASSIGN_OR_RETURN(layer.qkv, Stacked({source.query, source.key, source.value}));
    ASSIGN_OR_RETURN(layer.out, Stacked({source.out}, LinearUse::kAdded));
    ASSIGN_OR_RETURN(layer.mlp1, Stacked({source.mlp1}, LinearUse::kQuickGelu));
    ASSIGN_OR_RETURN(layer.mlp2, Stacked({source.mlp2}, LinearUse::kAddedAfterQuickGelu));
    return layer;
  }

  absl::StatusOr<VideoLayer<Linear>> TemporalLayer(const TemporalLayerTensors& source) {
    VideoLayer<Linear> layer;
    layer.heads = config_.num_heads;
    ASSIGN_OR_RETURN(layer.norm1, Norm(source.norm1));
    ASSIGN_OR_RETURN(const at::Tensor qkv, read_(source.qkv));
    layer.qkv = make_(qkv, at::Tensor(), LinearUse::kPlain);
    ASSIGN_OR_RETURN(layer.out, Stacked({source.out}, LinearUse::kAdded));
    ASSIGN_OR_RETURN(layer.norm2, Norm(source.norm2));
    ASSIGN_OR_RETURN(layer.mlp1, Stacked({source.mlp1}, LinearUse::kGelu));
    ASSIGN_OR_RETURN(layer.mlp2, Stacked({source.mlp2}, LinearUse::kAdded));
    return layer;
  }

  absl::StatusOr<VideoTransformer<Linear>> Temporal(const TemporalTensors& source) {
    VideoTransformer<Linear> transformer;
    ASSIGN_OR_RETURN(const at::Tensor position, read_(source.position));
    transformer.position = position[0];
    for (const TemporalLayerTensors& layer : source.layers) {
      ASSIGN_OR_RETURN(transformer.layers.emplace_back(), TemporalLayer(layer));
    }
    ASSIGN_OR_RETURN(transformer.norm, Norm(source.norm));
    return transformer;
  }

  absl::Status ReadClip(const ClipTensors& source, VideoTensors<Linear>& tensors) {
    ASSIGN_OR_RETURN(const at::Tensor token, read_(source.class_embedding));
    ASSIGN_OR_RETURN(const at::Tensor patch, read_(source.patch_embedding));
    ASSIGN_OR_RETURN(tensors.clip_position, read_(source.position_embedding));
    tensors.clip_patch =
        make_(patch.view({tensors.width, kPatchFloats}), at::Tensor(), LinearUse::kAdded);
    // The class token has no pixels: its patch is zeros, and its embedding is added to the
    // position.
    tensors.clip_position.select(0, 0).add_(token);
    ASSIGN_OR_RETURN(tensors.clip_norm, Norm(source.pre_norm));
    for (const ClipLayerTensors& layer : source.layers) {
      ASSIGN_OR_RETURN(tensors.clip_layers.emplace_back(), ClipLayer(layer, tensors.width));
    }
    return absl::OkStatus();
  }

  const LmConfig& config_;
  WeightReader& weights_;
  const ReadTensor read_;
  const MakeLinear make_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_VIDEO_TENSORS_H_
