// Weights from a checkpoint into the kernels' layout.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/cpu/language_model.h"

namespace vidmuse::cpu {

absl::StatusOr<PackedLinear> LanguageModel::LoadLinear(const std::string& name, int n, int k,
                                                       WeightReader& weights) const {
  ASSIGN_OR_RETURN(const std::vector<float> weight, weights.Read(name, {n, k}));
  return PackedLinear(weight.data(), nullptr, n, k, precision_);
}

absl::StatusOr<LanguageModel::Norm> LanguageModel::LoadNorm(const std::string& name, int dim,
                                                            WeightReader& weights) {
  Norm norm;
  ASSIGN_OR_RETURN(norm.weight, weights.Read(name + ".weight", {dim}));
  ASSIGN_OR_RETURN(norm.bias, weights.Read(name + ".bias", {dim}));
  return norm;
}

absl::StatusOr<LanguageModel::Layer> LanguageModel::LoadLayer(int index,
                                                              WeightReader& weights) const {
  const int dim = config_.dim;
  const int ffn = config_.ffn();
  const std::string prefix = absl::StrCat("transformer.layers.", index, ".");
  Layer layer;
  ASSIGN_OR_RETURN(layer.norm1, LoadNorm(prefix + "norm1", dim, weights));
  ASSIGN_OR_RETURN(layer.norm_cross, LoadNorm(prefix + "norm_cross", dim, weights));
  ASSIGN_OR_RETURN(layer.norm2, LoadNorm(prefix + "norm2", dim, weights));
  ASSIGN_OR_RETURN(layer.self_qkv,
                   LoadLinear(prefix + "self_attn.in_proj_weight", 3 * dim, dim, weights));
  ASSIGN_OR_RETURN(layer.self_out,
                   LoadLinear(prefix + "self_attn.out_proj.weight", dim, dim, weights));
  ASSIGN_OR_RETURN(const std::vector<float> cross,
                   weights.Read(prefix + "cross_attention.in_proj_weight", {3 * dim, dim}));
  layer.cross_q = PackedLinear(cross.data(), nullptr, dim, dim, precision_);
  layer.cross_kv = PackedLinear(cross.data() + static_cast<size_t>(dim) * dim, nullptr, 2 * dim,
                                dim, precision_);
  ASSIGN_OR_RETURN(layer.cross_out,
                   LoadLinear(prefix + "cross_attention.out_proj.weight", dim, dim, weights));
  ASSIGN_OR_RETURN(layer.linear1, LoadLinear(prefix + "linear1.weight", ffn, dim, weights));
  ASSIGN_OR_RETURN(layer.linear2, LoadLinear(prefix + "linear2.weight", dim, ffn, weights));
  return layer;
}

absl::StatusOr<std::unique_ptr<LanguageModel>> LanguageModel::Load(
    const LmConfig& config, WeightReader& weights, std::vector<float> position_embedding,
    const Kernels& kernels, Precision precision) {
  std::unique_ptr<LanguageModel> model(new LanguageModel(config, kernels, precision));
  model->max_positions_ = static_cast<int>(position_embedding.size() / config.dim);
  model->position_embedding_ = std::move(position_embedding);
  for (int k = 0; k < config.codebooks; ++k) {
    ASSIGN_OR_RETURN(std::vector<float> table, weights.Read(absl::StrCat("emb.", k, ".weight"),
                                                            {config.card + 1, config.dim}));
    model->embedding_.push_back(std::move(table));
  }
  for (int i = 0; i < config.num_layers; ++i) {
    ASSIGN_OR_RETURN(Layer layer, model->LoadLayer(i, weights));
    model->layers_.push_back(std::move(layer));
  }
  ASSIGN_OR_RETURN(model->out_norm_, LoadNorm("out_norm", config.dim, weights));
  std::vector<float> heads;
  for (int k = 0; k < config.codebooks; ++k) {
    ASSIGN_OR_RETURN(
        const std::vector<float> head,
        weights.Read(absl::StrCat("linears.", k, ".weight"), {config.card, config.dim}));
    heads.insert(heads.end(), head.begin(), head.end());
  }
  model->heads_ =
      PackedLinear(heads.data(), nullptr, config.codebooks * config.card, config.dim, precision);
  return model;
}

}  // namespace vidmuse::cpu
