#include "core/extractors/imagebind_tower.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/extractors/layer_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

// What the shapes of tensors don't tell.
constexpr int64_t kPictureHeads = 16;
constexpr int64_t kSoundHeads = 12;
constexpr int64_t kSoundStep = 10;
constexpr int64_t kMostBlocks = 1000;
constexpr double kEpsilon = 1e-6;
constexpr double kStemEpsilon = 1e-5;
constexpr double kLargestScale = 100;

struct Block {
  NormLayer norm_1, norm_2;
  LinearLayerTensors in, out, up, down;
  Tensor extra_key, extra_value;  // [1, 1, width], or undefined: none
};

absl::StatusOr<Block> ReadBlock(LayerReader& reader, const std::string& name, int64_t width) {
  Block block;
  ASSIGN_OR_RETURN(block.norm_1, reader.Norm(name + ".norm_1", width, kEpsilon));
  ASSIGN_OR_RETURN(block.norm_2, reader.Norm(name + ".norm_2", width, kEpsilon));
  ASSIGN_OR_RETURN(block.in, reader.Linear(name + ".attn.in_proj", 3 * width, width, "_"));
  ASSIGN_OR_RETURN(block.out, reader.Linear(name + ".attn.out_proj", width, width));
  ASSIGN_OR_RETURN(const std::vector<int64_t> hidden, reader.Shape(name + ".mlp.fc1.bias", 1));
  ASSIGN_OR_RETURN(block.up, reader.Linear(name + ".mlp.fc1", hidden[0], width));
  ASSIGN_OR_RETURN(block.down, reader.Linear(name + ".mlp.fc2", width, hidden[0]));
  if (!reader.Has(name + ".attn.bias_k")) return block;
  ASSIGN_OR_RETURN(block.extra_key, reader.Read(name + ".attn.bias_k", {1, 1, width}));
  ASSIGN_OR_RETURN(block.extra_value, reader.Read(name + ".attn.bias_v", {1, 1, width}));
  return block;
}

// [N, L, width] -> [N, heads, L, width / heads]
Tensor ByHead(const Tensor& tokens, int64_t heads) {
  return tokens.view({tokens.size(0), tokens.size(1), heads, -1}).transpose(1, 2);
}

Tensor WithExtra(const Tensor& tokens, const Tensor& extra) {
  if (!extra.defined()) return tokens;
  return at::cat({tokens, extra.expand({tokens.size(0), 1, -1})}, /*dim=*/1);
}

Tensor Attend(const Block& block, const Tensor& input, int64_t heads) {
  const std::vector<Tensor> parts = block.in(input).chunk(3, /*dim=*/2);
  const Tensor attention = at::scaled_dot_product_attention(
      ByHead(parts[0].contiguous(), heads),
      ByHead(WithExtra(parts[1], block.extra_key).contiguous(), heads),
      ByHead(WithExtra(parts[2], block.extra_value).contiguous(), heads));
  return block.out(attention.transpose(1, 2).reshape(input.sizes()));
}

}  // namespace

struct ImageBindTower::Tensors {
  int64_t heads = 0;
  Tensor patches;       // of sounds [width, 1, 16, 16], of pictures [width, 3, 2, 14, 14]
  NormLayer stem_norm;  // sounds only
  Tensor class_token, positions;
  NormLayer first_norm;  // pictures only
  std::vector<Block> blocks;
  NormLayer last_norm;
  Tensor head;  // [columns, width]
  double scale = 1;
};

ImageBindTower::ImageBindTower(ImageBindModality modality)
    : modality_(modality), t_(std::make_unique<Tensors>()) {}

ImageBindTower::~ImageBindTower() = default;

absl::StatusOr<std::unique_ptr<const ImageBindTower>> ImageBindTower::Load(
    ImageBindModality modality, WeightReader& weights) {
  std::unique_ptr<ImageBindTower> tower(new ImageBindTower(modality));
  RETURN_IF_ERROR(RunTorch([&] { return tower->ReadTensors(weights); }));
  return tower;
}

absl::Status ImageBindTower::ReadTensors(WeightReader& weights) {
  LayerReader reader(weights);
  const bool sound = modality_ == ImageBindModality::kSound;
  const std::string modality = sound ? "audio" : "vision";
  const std::string stem = absl::StrCat("modality_preprocessors.", modality, ".");
  const std::string trunk = absl::StrCat("modality_trunks.", modality, ".");
  const std::string head = absl::StrCat("modality_heads.", modality, ".");
  ASSIGN_OR_RETURN(const std::vector<int64_t> token, reader.Shape(stem + "cls_token", 3));
  const int64_t width = token[2];
  t_->heads = sound ? kSoundHeads : kPictureHeads;
  if (width % t_->heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", stem, "cls_token' is no multiple of ", t_->heads, " wide"));
  }
  ASSIGN_OR_RETURN(t_->class_token, reader.Read(stem + "cls_token", {1, 1, width}));
  constexpr int64_t kSoundTokens = 12 * 19 + 1;
  constexpr int64_t kPictureTokens = 16 * 16 + 1;
  ASSIGN_OR_RETURN(t_->positions, reader.Read(stem + "pos_embedding_helper.pos_embed",
                                              {1, sound ? kSoundTokens : kPictureTokens, width}));
  if (sound) {
    ASSIGN_OR_RETURN(t_->patches, reader.Read(stem + "rgbt_stem.proj.weight", {width, 1, 16, 16}));
    ASSIGN_OR_RETURN(t_->stem_norm,
                     reader.Norm(stem + "rgbt_stem.norm_layer", width, kStemEpsilon));
    ASSIGN_OR_RETURN(const Tensor scale,
                     reader.Read("modality_postprocessors.audio.1.log_logit_scale", {}));
    t_->scale = std::min(std::exp(static_cast<double>(scale.item<float>())), kLargestScale);
  } else {
    ASSIGN_OR_RETURN(t_->patches,
                     reader.Read(stem + "rgbt_stem.proj.1.weight", {width, 3, 2, 14, 14}));
    ASSIGN_OR_RETURN(t_->first_norm,
                     reader.Norm(trunk + "pre_transformer_layer.0", width, kEpsilon));
  }
  for (int64_t i = 0; i < kMostBlocks; ++i) {
    const std::string name = absl::StrCat(trunk, "blocks.", i);
    if (i > 0 && !reader.Has(name + ".norm_1.weight")) break;
    ASSIGN_OR_RETURN(Block block, ReadBlock(reader, name, width));
    t_->blocks.push_back(std::move(block));
  }
  ASSIGN_OR_RETURN(t_->last_norm, reader.Norm(head + "0", width, kEpsilon));
  ASSIGN_OR_RETURN(const std::vector<int64_t> shape, reader.Shape(head + "2.weight", 2));
  columns_ = shape[0];
  ASSIGN_OR_RETURN(t_->head, reader.Read(head + "2.weight", {columns_, width}));
  return absl::OkStatus();
}

Tensor ImageBindTower::Embed(const Tensor& input) const {
  Tensor patches;
  if (modality_ == ImageBindModality::kSound) {
    patches = at::conv2d(input, t_->patches, {}, kSoundStep);
  } else {
    patches = at::conv3d(input, t_->patches, {}, t_->patches.sizes().slice(2));
  }
  patches = patches.flatten(2).transpose(1, 2);
  if (t_->stem_norm.weight.defined()) patches = t_->stem_norm(patches);
  Tensor tokens = at::cat({t_->class_token.expand({input.size(0), -1, -1}), patches}, /*dim=*/1);
  tokens.add_(t_->positions);
  if (t_->first_norm.weight.defined()) tokens = t_->first_norm(tokens);
  for (const Block& block : t_->blocks) {
    tokens.add_(Attend(block, block.norm_1(tokens), t_->heads));
    tokens.add_(block.down(at::gelu(block.up(block.norm_2(tokens)))));
  }
  const Tensor vectors = at::linear(t_->last_norm(tokens.select(1, 0)), t_->head);
  return UnitLength(vectors) * t_->scale;
}

}  // namespace vidmuse
