#include "core/model/architecture/conditioner_tensors.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/token_model_tensors.h"
#include "core/model/architecture/video_frames.h"

namespace vidmuse {
namespace {

constexpr char kClip[] = "visual_encoder_model.vision_model.";
constexpr char kCross[] = "multi_head_cross_attention.";
// Parts of the names of tensors that are left over.
constexpr char kTextTensors[] = "condition_provider.";
constexpr char kVisualProjection[] = "visual_projection";
constexpr char kPositionIds[] = "position_ids";
constexpr char kText[] = "condition_provider.conditioners.description.output_proj";
constexpr char kClipNorm[] = "visual_encoder_model.vision_model.post_layernorm";
constexpr char kClipProjection[] = "visual_encoder_model.visual_projection.weight";
// Widths of the text encoder (T5) and of CLIP's result, neither of which is used.
constexpr int64_t kTextWidth = 768;
constexpr int64_t kClipProjectionWidth = 512;

std::string ClipLayerName(int index) { return absl::StrCat(kClip, "encoder.layers.", index, "."); }

std::string TemporalLayerName(const std::string& branch, int index) {
  return absl::StrCat(branch, "_temporal_transformer.layers.", index, ".");
}

ClipLayerTensors ClipLayer(const ConditionerConfig& config, int index) {
  const int64_t width = config.width;
  const std::string at = ClipLayerName(index);
  ClipLayerTensors layer;
  layer.norm1 = LayerNorm(at + "layer_norm1", width);
  layer.norm2 = LayerNorm(at + "layer_norm2", width);
  layer.query = LinearLayer(at + "self_attn.q_proj", width, width);
  layer.key = LinearLayer(at + "self_attn.k_proj", width, width);
  layer.value = LinearLayer(at + "self_attn.v_proj", width, width);
  layer.out = LinearLayer(at + "self_attn.out_proj", width, width, TensorRole::kResidualWeight);
  layer.mlp1 = LinearLayer(at + "mlp.fc1", config.clip_mlp, width);
  layer.mlp2 = LinearLayer(at + "mlp.fc2", width, config.clip_mlp, TensorRole::kResidualWeight);
  return layer;
}

ClipTensors Clip(const ConditionerConfig& config) {
  const int64_t width = config.width;
  const std::string embeddings = absl::StrCat(kClip, "embeddings.");
  ClipTensors clip;
  clip.class_embedding = {embeddings + "class_embedding", {width}, TensorRole::kPosition};
  clip.patch_embedding = {embeddings + "patch_embedding.weight",
                          {width, 3, kPatchSize, kPatchSize}};
  clip.position_embedding = {
      embeddings + "position_embedding.weight", {kTokensPerFrame, width}, TensorRole::kPosition};
  clip.pre_norm = LayerNorm(absl::StrCat(kClip, "pre_layrnorm"), width);  // the published spelling
  for (int i = 0; i < config.clip_layers; ++i) clip.layers.push_back(ClipLayer(config, i));
  return clip;
}

TemporalLayerTensors TemporalLayer(const LmConfig& lm, const ConditionerConfig& config,
                                   const std::string& at) {
  const int64_t width = config.width;
  const int64_t inner = int64_t{lm.num_heads} * kVideoHeadDim;
  const int64_t mlp = width * lm.hidden_scale;
  TemporalLayerTensors layer;
  layer.norm1 = LayerNorm(at + "0.norm", width);
  layer.qkv = {at + "0.fn.to_qkv.weight", {3 * inner, width}};
  layer.out = LinearLayer(at + "0.fn.to_out.0", width, inner, TensorRole::kResidualWeight);
  layer.norm2 = LayerNorm(at + "1.norm", width);
  layer.mlp1 = LinearLayer(at + "1.fn.net.0", mlp, width);
  layer.mlp2 = LinearLayer(at + "1.fn.net.3", width, mlp, TensorRole::kResidualWeight);
  return layer;
}

TemporalTensors Temporal(const LmConfig& lm, const ConditionerConfig& config,
                         const std::string& branch) {
  TemporalTensors tensors;
  tensors.position = {
      branch + "_pos_embedding", {1, kTokensPerFrame, config.width}, TensorRole::kPosition};
  for (int i = 0; i < config.temporal_layers; ++i) {
    tensors.layers.push_back(TemporalLayer(lm, config, TemporalLayerName(branch, i)));
  }
  tensors.norm = LayerNorm(branch + "_temporal_transformer.norm", config.width);
  return tensors;
}

// Returns the number of layers, at least 1, each of which has the tensor name(layer).
int CountLayers(FindShape shape, absl::FunctionRef<std::string(int)> name) {
  int layers = 1;
  while (shape(name(layers))) ++layers;
  return layers;
}

// Returns the number of rows of a tensor, at least 1.
int Rows(FindShape shape, const std::string& name) {
  const std::optional<std::vector<int64_t>> found = shape(name);
  constexpr int64_t kMost = 1 << 30;
  return found && !found->empty() ? static_cast<int>(std::clamp<int64_t>(found->front(), 1, kMost))
                                  : 1;
}

void AddTemporal(const TemporalTensors& temporal, TensorList* list) {
  list->Add(temporal.position);
  for (const TemporalLayerTensors& layer : temporal.layers) {
    list->Add(layer.norm1);
    list->Add(layer.qkv);
    list->Add(layer.out);
    list->Add(layer.norm2);
    list->Add(layer.mlp1);
    list->Add(layer.mlp2);
  }
  list->Add(temporal.norm);
}

void AddTokenModel(const TokenModelTensors& tensors, TensorList* list) {
  for (size_t k = 0; k < tensors.embeddings.size(); ++k) {
    list->Add(tensors.embeddings[k]);
    list->Add(tensors.heads[k]);
  }
  for (const TokenLayerTensors& layer : tensors.layers) {
    for (const NamedShape* tensor : {&layer.self_qkv, &layer.self_out, &layer.cross_qkv,
                                     &layer.cross_out, &layer.linear1, &layer.linear2}) {
      list->Add(*tensor);
    }
    list->Add(layer.norm1);
    list->Add(layer.norm2);
    list->Add(layer.norm_cross);
  }
  list->Add(tensors.out_norm);
}

void AddClip(const ClipTensors& clip, int64_t width, TensorList* list) {
  list->Add(clip.class_embedding);
  list->Add(clip.patch_embedding);
  list->Add(clip.position_embedding);
  list->Add(clip.pre_norm);
  for (const ClipLayerTensors& layer : clip.layers) {
    for (const LinearTensors* linear : {&layer.key, &layer.value, &layer.query, &layer.out}) {
      list->Add(*linear);
    }
    list->Add(layer.norm1);
    list->Add(layer.mlp1);
    list->Add(layer.mlp2);
    list->Add(layer.norm2);
  }
  list->Add(LayerNorm(kClipNorm, width));
  list->Add(NamedShape{kClipProjection, {kClipProjectionWidth, width}});
}

}  // namespace

absl::StatusOr<ConditionerConfig> FindConditionerConfig(FindShape shape) {
  constexpr int kMaxWidth = 16384;
  ConditionerConfig config;
  const std::string name = Clip(config).class_embedding.name;
  config.width = Rows(shape, name);
  if (shape(name) &&
      (config.width % (kVideoHeadDim * kCrossHeads) != 0 || config.width > kMaxWidth)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "' has ", config.width, " rows, expected a multiple of ",
                     kVideoHeadDim * kCrossHeads, " up to ", kMaxWidth));
  }
  const auto clip_layer = [](int i) { return ClipLayer({}, i).norm1.weight.name; };
  config.clip_layers = CountLayers(shape, clip_layer);
  config.clip_mlp = Rows(shape, ClipLayer({}, 0).mlp1.weight.name);
  config.temporal_layers = CountLayers(shape, [](int i) {
    return TemporalLayer({}, {}, TemporalLayerName("local", i)).norm1.weight.name;
  });
  return config;
}

ConditionerTensors ConditionerTensors::Of(const LmConfig& lm, const ConditionerConfig& config) {
  const int64_t width = config.width;
  const auto cross = [width](const char* part) {
    return LinearLayer(absl::StrCat(kCross, part), width, width);
  };
  ConditionerTensors tensors;
  tensors.clip = Clip(config);
  tensors.local = Temporal(lm, config, "local");
  tensors.global = Temporal(lm, config, "global");
  tensors.cross_query = cross("query");
  tensors.cross_key = cross("key");
  tensors.cross_value = cross("value");
  tensors.cross_final = cross("final_linear");
  tensors.cross_norm1 = LayerNorm(absl::StrCat(kCross, "norm1"), width);
  tensors.cross_norm2 = LayerNorm(absl::StrCat(kCross, "norm2"), width);
  tensors.projection = LinearLayer("visual_feature_proj", lm.dim, width);
  return tensors;
}

std::vector<NamedShape> LmTensors(const LmConfig& lm, const ConditionerConfig& config) {
  const ConditionerTensors conditioner = ConditionerTensors::Of(lm, config);
  TensorList list;
  AddTemporal(conditioner.local, &list);
  AddTemporal(conditioner.global, &list);
  list.Add(LinearLayer(kText, lm.dim, kTextWidth));
  AddTokenModel(TokenModelTensors::Of(lm), &list);
  AddClip(conditioner.clip, config.width, &list);
  for (const LinearTensors* linear : {&conditioner.cross_query, &conditioner.cross_key,
                                      &conditioner.cross_value, &conditioner.cross_final}) {
    list.Add(*linear);
  }
  list.Add(conditioner.cross_norm1);
  list.Add(conditioner.cross_norm2);
  list.Add(conditioner.projection);
  return list.Take();
}

std::vector<std::string> ConditionerBeginnings() {
  return {"visual_", "local_", "global_", kCross};
}

std::vector<std::string> LeftoverTensors() {
  return {kTextTensors, kPositionIds, kVisualProjection, "post_layernorm"};
}

bool IsUnreadProjection(absl::string_view name) {
  return absl::StrContains(name, kTextTensors) || absl::StrContains(name, kVisualProjection);
}

bool IsPositionIds(absl::string_view name) { return absl::StrContains(name, kPositionIds); }

}  // namespace vidmuse
