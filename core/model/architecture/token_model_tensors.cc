#include "core/model/architecture/token_model_tensors.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

TokenLayerTensors Layer(const LmConfig& config, int index) {
  const int64_t dim = config.dim, ffn = config.ffn();
  const std::string at = absl::StrCat("transformer.layers.", index, ".");
  TokenLayerTensors layer;
  layer.norm1 = LayerNorm(at + "norm1", dim);
  layer.norm_cross = LayerNorm(at + "norm_cross", dim);
  layer.norm2 = LayerNorm(at + "norm2", dim);
  layer.self_qkv = {at + "self_attn.in_proj_weight", {3 * dim, dim}};
  layer.self_out = {at + "self_attn.out_proj.weight", {dim, dim}, TensorRole::kResidualWeight};
  layer.cross_qkv = {at + "cross_attention.in_proj_weight", {3 * dim, dim}};
  layer.cross_out = {
      at + "cross_attention.out_proj.weight", {dim, dim}, TensorRole::kResidualWeight};
  layer.linear1 = {at + "linear1.weight", {ffn, dim}};
  layer.linear2 = {at + "linear2.weight", {dim, ffn}, TensorRole::kResidualWeight};
  return layer;
}

}  // namespace

TokenModelTensors TokenModelTensors::Of(const LmConfig& config) {
  TokenModelTensors tensors;
  for (int k = 0; k < config.codebooks; ++k) {
    tensors.embeddings.push_back({absl::StrCat("emb.", k, ".weight"),
                                  {config.card + 1, config.dim},
                                  TensorRole::kTokenEmbedding});
    tensors.heads.push_back({absl::StrCat("linears.", k, ".weight"),
                             {config.card, config.dim},
                             TensorRole::kHeadWeight});
  }
  for (int i = 0; i < config.num_layers; ++i) tensors.layers.push_back(Layer(config, i));
  tensors.out_norm = LayerNorm("out_norm", config.dim);
  return tensors;
}

}  // namespace vidmuse
