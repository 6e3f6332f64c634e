// Loads weights from a checkpoint into the kernels' layout.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/cpu/token_model.h"

namespace vidmuse::cpu {

namespace {

// Hands out memory from front to back.
class Arena {
 public:
  explicit Arena(char* memory) : next_(memory) {}
  PackedLinear Pack(const float* weight, int n, int k, Precision precision) {
    char* const memory = next_;
    next_ += PackedLinear::WeightBytes(n, k, precision);
    return PackedLinear(weight, nullptr, n, k, precision, memory);
  }

 private:
  char* next_;
};

}  // namespace

size_t TokenModel::LayerBytes() const {
  const auto bytes = [this](int n, int k) { return PackedLinear::WeightBytes(n, k, precision_); };
  const int dim = config_.dim;
  const int ffn = config_.ffn();
  return bytes(3 * dim, dim) + 3 * bytes(dim, dim) + bytes(2 * dim, dim) + bytes(ffn, dim) +
         bytes(dim, ffn);
}

absl::StatusOr<TokenModel::Norm> TokenModel::LoadNorm(const std::string& name, int dim,
                                                      WeightReader& weights) {
  Norm norm;
  ASSIGN_OR_RETURN(norm.weight, weights.Read(name + ".weight", {dim}));
  ASSIGN_OR_RETURN(norm.bias, weights.Read(name + ".bias", {dim}));
  return norm;
}

absl::StatusOr<TokenModel::Layer> TokenModel::LoadLayer(int index, WeightReader& weights) {
  const int dim = config_.dim;
  const int ffn = config_.ffn();
  const std::string prefix = absl::StrCat("transformer.layers.", index, ".");
  Layer layer;
  ASSIGN_OR_RETURN(layer.norm1, LoadNorm(prefix + "norm1", dim, weights));
  ASSIGN_OR_RETURN(layer.norm_cross, LoadNorm(prefix + "norm_cross", dim, weights));
  ASSIGN_OR_RETURN(layer.norm2, LoadNorm(prefix + "norm2", dim, weights));
  Arena arena(arena_.data<char>() + index * LayerBytes());
  const auto load = [&](const std::string& name, int n, int k) -> absl::StatusOr<PackedLinear> {
    ASSIGN_OR_RETURN(const std::vector<float> weight, weights.Read(prefix + name, {n, k}));
    return arena.Pack(weight.data(), n, k, precision_);
  };
  ASSIGN_OR_RETURN(layer.self_qkv, load("self_attn.in_proj_weight", 3 * dim, dim));
  ASSIGN_OR_RETURN(layer.self_out, load("self_attn.out_proj.weight", dim, dim));
  {
    ASSIGN_OR_RETURN(const std::vector<float> cross,
                     weights.Read(prefix + "cross_attention.in_proj_weight", {3 * dim, dim}));
    const size_t size = static_cast<size_t>(dim) * dim;
    layer.cross_q = arena.Pack(cross.data(), dim, dim, precision_);
    layer.cross_kv = arena.Pack(cross.data() + size, 2 * dim, dim, precision_);
  }
  ASSIGN_OR_RETURN(layer.cross_out, load("cross_attention.out_proj.weight", dim, dim));
  ASSIGN_OR_RETURN(layer.linear1, load("linear1.weight", ffn, dim));
  ASSIGN_OR_RETURN(layer.linear2, load("linear2.weight", dim, ffn));
  return layer;
}

absl::Status TokenModel::LoadLayers(WeightReader& weights, int threads) {
  layers_.resize(config_.num_layers);
  std::vector<absl::Status> statuses(layers_.size());
  ThreadTeam team(std::min(threads, config_.num_layers));
  team.Run([&](int member) {
    for (int i = member; i < config_.num_layers; i += team.size()) {
      try {
        absl::StatusOr<Layer> layer = LoadLayer(i, weights);
        statuses[i] = layer.status();
        if (layer.ok()) layers_[i] = *std::move(layer);
      } catch (const std::bad_alloc&) {
        statuses[i] = absl::ResourceExhaustedError("out of memory for the token model's weights");
      }
    }
  });
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::Status TokenModel::LoadHeads(WeightReader& weights) {
  std::vector<float> heads;
  heads.reserve(static_cast<size_t>(config_.codebooks) * config_.card * config_.dim);
  for (int k = 0; k < config_.codebooks; ++k) {
    ASSIGN_OR_RETURN(
        const std::vector<float> head,
        weights.Read(absl::StrCat("linears.", k, ".weight"), {config_.card, config_.dim}));
    heads.insert(heads.end(), head.begin(), head.end());
  }
  heads_ = Arena(arena_.data<char>() + layers_.size() * LayerBytes())
               .Pack(heads.data(), config_.codebooks * config_.card, config_.dim, precision_);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TokenModel>> TokenModel::Load(const LmConfig& config,
                                                             WeightReader& weights,
                                                             std::vector<float> position_embedding,
                                                             const Kernels& kernels,
                                                             Precision precision, int threads) {
  std::unique_ptr<TokenModel> model(new TokenModel(config, kernels, precision));
  model->max_positions_ = static_cast<int>(position_embedding.size() / config.dim);
  model->position_embedding_ = std::move(position_embedding);
  for (int k = 0; k < config.codebooks; ++k) {
    ASSIGN_OR_RETURN(std::vector<float> table, weights.Read(absl::StrCat("emb.", k, ".weight"),
                                                            {config.card + 1, config.dim}));
    model->embedding_.push_back(std::move(table));
  }
  model->arena_ = AlignedBuffer(
      config.num_layers * model->LayerBytes() +
      PackedLinear::WeightBytes(config.codebooks * config.card, config.dim, precision));
  RETURN_IF_ERROR(model->LoadLayers(weights, threads));
  ASSIGN_OR_RETURN(model->out_norm_, LoadNorm("out_norm", config.dim, weights));
  RETURN_IF_ERROR(model->LoadHeads(weights));
  return model;
}

}  // namespace vidmuse::cpu
