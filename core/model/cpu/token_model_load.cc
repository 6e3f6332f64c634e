// Loads weights from a checkpoint into the kernels' layout.
#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/cpu/key_factors.h"
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

// Multiplies the rows of keys by KeyFactors, and the rows of queries by their inverse, which leaves
// the scores as they are. `queries` and `keys` are [dim][dim], a row for each channel. What they
// are applied to is taken to have elements of the size of `gain`, [dim], around `offset`; either
// may be empty, for 1 and 0.
void EqualizeKeys(float* queries, float* keys, int dim, int head_dim,
                  const std::vector<float>& gain, const std::vector<float>& offset) {
  std::vector<double> sizes(dim);
  for (int c = 0; c < dim; ++c) {
    const float* row = keys + static_cast<size_t>(c) * dim;
    double squares = 0, mean = 0;
    for (int i = 0; i < dim; ++i) {
      const double weight = double{row[i]} * (gain.empty() ? 1 : gain[i]);
      squares += weight * weight;
      if (!offset.empty()) mean += double{row[i]} * offset[i];
    }
    sizes[c] = std::sqrt(squares + mean * mean);
  }
  std::vector<float> factors(head_dim);
  for (int head = 0; head < dim; head += head_dim) {
    KeyFactors({sizes.data() + head, static_cast<size_t>(head_dim)}, factors.data());
    for (int c = 0; c < head_dim; ++c) {
      const size_t row = static_cast<size_t>(head + c) * dim;
      for (int i = 0; i < dim; ++i) {
        keys[row + i] *= factors[c];
        queries[row + i] /= factors[c];
      }
    }
  }
}

}  // namespace

size_t TokenModel::LayerBytes() const {
  const auto bytes = [this](int n, int k) { return PackedLinear::WeightBytes(n, k, precision_); };
  const int dim = config_.dim;
  const int ffn = config_.ffn();
  return bytes(3 * dim, dim) + 3 * bytes(dim, dim) + bytes(ffn, dim) + bytes(dim, ffn) +
         PackedLinear::WeightBytes(2 * dim, dim, SidePrecision());
}

absl::StatusOr<TokenModel::Norm> TokenModel::LoadNorm(const NormTensors& source,
                                                      WeightReader& weights) {
  Norm norm;
  ASSIGN_OR_RETURN(norm.weight, weights.Read(source.weight));
  ASSIGN_OR_RETURN(norm.bias, weights.Read(source.bias));
  return norm;
}

absl::StatusOr<TokenModel::Layer> TokenModel::LoadLayer(int index, const TokenLayerTensors& source,
                                                        WeightReader& weights) {
  const int dim = config_.dim;
  const size_t size = static_cast<size_t>(dim) * dim;
  Layer layer;
  ASSIGN_OR_RETURN(layer.norm1, LoadNorm(source.norm1, weights));
  ASSIGN_OR_RETURN(layer.norm_cross, LoadNorm(source.norm_cross, weights));
  ASSIGN_OR_RETURN(layer.norm2, LoadNorm(source.norm2, weights));
  Arena arena(arena_.data<char>() + index * LayerBytes());
  const auto load = [&](const NamedShape& tensor) -> absl::StatusOr<PackedLinear> {
    ASSIGN_OR_RETURN(const std::vector<float> weight, weights.Read(tensor));
    return arena.Pack(weight.data(), static_cast<int>(tensor.shape[0]),
                      static_cast<int>(tensor.shape[1]), precision_);
  };
  const bool equalize = IsInteger(SelfFormat(precision_));
  {
    ASSIGN_OR_RETURN(std::vector<float> qkv, weights.Read(source.self_qkv));
    if (equalize) {
      EqualizeKeys(qkv.data(), qkv.data() + size, dim, head_dim(), layer.norm1.weight,
                   layer.norm1.bias);
    }
    layer.self_qkv = arena.Pack(qkv.data(), 3 * dim, dim, precision_);
  }
  ASSIGN_OR_RETURN(layer.self_out, load(source.self_out));
  {
    // A step computes the queries alone: keys and values are those of the condition.
    ASSIGN_OR_RETURN(std::vector<float> cross, weights.Read(source.cross_qkv));
    if (equalize) EqualizeKeys(cross.data(), cross.data() + size, dim, head_dim(), {}, {});
    layer.cross_q = arena.Pack(cross.data(), dim, dim, precision_);
    layer.cross_kv = arena.Pack(cross.data() + size, 2 * dim, dim, SidePrecision());
  }
  ASSIGN_OR_RETURN(layer.cross_out, load(source.cross_out));
  ASSIGN_OR_RETURN(layer.linear1, load(source.linear1));
  ASSIGN_OR_RETURN(layer.linear2, load(source.linear2));
  return layer;
}

absl::Status TokenModel::LoadLayers(const TokenModelTensors& source, WeightReader& weights,
                                    int threads) {
  layers_.resize(config_.num_layers);
  std::vector<absl::Status> statuses(layers_.size());
  ThreadTeam team(std::min(threads, config_.num_layers));
  team.Run([&](int member) {
    for (int i = member; i < config_.num_layers; i += team.size()) {
      try {
        absl::StatusOr<Layer> layer = LoadLayer(i, source.layers[i], weights);
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

absl::Status TokenModel::LoadHeads(const TokenModelTensors& source, WeightReader& weights) {
  std::vector<float> heads;
  heads.reserve(static_cast<size_t>(config_.codebooks) * config_.card * config_.dim);
  for (const NamedShape& tensor : source.heads) {
    ASSIGN_OR_RETURN(const std::vector<float> head, weights.Read(tensor));
    heads.insert(heads.end(), head.begin(), head.end());
  }
  heads_ = Arena(arena_.data<char>() + layers_.size() * LayerBytes())
               .Pack(heads.data(), config_.codebooks * config_.card, config_.dim, SidePrecision());
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
  const TokenModelTensors source = TokenModelTensors::Of(config);
  for (const NamedShape& tensor : source.embeddings) {
    ASSIGN_OR_RETURN(std::vector<float> table, weights.Read(tensor));
    model->embedding_.push_back(std::move(table));
  }
  model->arena_ = AlignedBuffer(config.num_layers * model->LayerBytes() +
                                PackedLinear::WeightBytes(config.codebooks * config.card,
                                                          config.dim, model->SidePrecision()));
  RETURN_IF_ERROR(model->LoadLayers(source, weights, threads));
  ASSIGN_OR_RETURN(model->out_norm_, LoadNorm(source.out_norm, weights));
  RETURN_IF_ERROR(model->LoadHeads(source, weights));
  return model;
}

}  // namespace vidmuse::cpu
