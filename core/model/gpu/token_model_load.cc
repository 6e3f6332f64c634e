// Loads the weights of a TokenModel and allocates its memory.
#include <ATen/ATen.h>

#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/conditioner/video_networks.h"
#include "core/model/gpu/token_model_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::gpu {
namespace {

using at::Tensor;

// Number of spare places behind all slots, where idle slots write.
constexpr int64_t kSpare = 8;
// A masked key's score: its weight is 0 beside any other score, and it is finite in half precision.
constexpr double kMasked = -65504;

int64_t RoundUp(int64_t value) { return (value + kSplit - 1) / kSplit * kSplit; }

size_t Bytes(const Tensor& tensor) { return tensor.nbytes(); }

}  // namespace

TokenModel::TokenModel(const LmConfig& config, const TokenModelOptions& options)
    : config_(config), options_(options), t_(std::make_unique<Tensors>()) {}

TokenModel::~TokenModel() = default;

size_t TokenModel::SlotBytes(const LmConfig& config, const TokenModelOptions& options) {
  const size_t number = options.precision == DevicePrecision::kFp32 ? 4 : 2;
  const auto places =
      static_cast<size_t>(2 * RoundUp(options.steps) + RoundUp(options.condition_tokens));
  return 2 * size_t{1} * config.num_layers * places * config.dim * number;
}

size_t TokenModel::WeightBytes(const LmConfig& config, const TokenModelOptions& options) {
  const size_t number = options.precision == DevicePrecision::kFp32 ? 4 : 2;
  const auto dim = static_cast<size_t>(config.dim);
  const size_t layer = dim * dim * (8 + 2 * config.hidden_scale) + 2 * kTokensPerFrame * dim;
  const size_t rows = size_t{1} * config.codebooks * (2 * config.card + 1) + options.steps + 1;
  const size_t short_heads = number == 2 ? number * config.codebooks * config.card * dim : 0;
  return number * config.num_layers * layer + sizeof(float) * rows * dim + short_heads;
}

TokenModelBytes TokenModel::bytes() const {
  TokenModelBytes bytes;
  bytes.weights = Bytes(t_->heads);
  bytes.unread = Bytes(t_->embedding) + Bytes(t_->positions);
  if (t_->short_heads.defined()) bytes.unread += Bytes(t_->short_heads);
  for (const Layer& layer : t_->layers) {
    for (const Tensor* weight : {&layer.self_qkv, &layer.self_out, &layer.cross_q, &layer.cross_out,
                                 &layer.linear1, &layer.linear2}) {
      bytes.weights += Bytes(*weight);
    }
    bytes.unread += Bytes(layer.cross_kv);
  }
  bytes.slot_self = 2 * config_.num_layers * Bytes(SlotSelf(0, 0, 0));
  bytes.slot_condition = Bytes(t_->condition) / options_.slots;
  bytes.null_condition = Bytes(t_->null);
  return bytes;
}

absl::StatusOr<std::unique_ptr<TokenModel>> TokenModel::Load(const LmConfig& config,
                                                             DeviceReader& reader,
                                                             std::vector<float> positions,
                                                             std::vector<float> null_condition,
                                                             const TokenModelOptions& options) {
  std::unique_ptr<TokenModel> network(new TokenModel(config, options));
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    RETURN_IF_ERROR(network->LoadWeights(reader));
    network->Allocate(reader.device(), std::move(positions));
    network->ProjectNull(std::move(null_condition), reader.device());
    return absl::OkStatus();
  }));
  return network;
}

absl::StatusOr<TokenModel::Norm> TokenModel::LoadNorm(const NormTensors& source,
                                                      DeviceReader& reader) {
  Norm norm;
  ASSIGN_OR_RETURN(norm.weight, reader.Read(source.weight));
  ASSIGN_OR_RETURN(norm.bias, reader.Read(source.bias));
  return norm;
}

absl::StatusOr<TokenModel::Layer> TokenModel::LoadLayer(const TokenLayerTensors& source,
                                                        DeviceReader& reader) const {
  const int64_t dim = config_.dim;
  const auto load = [&](const NamedShape& tensor) {
    return reader.Read(tensor, options_.precision);
  };
  Layer layer;
  ASSIGN_OR_RETURN(layer.norm1, LoadNorm(source.norm1, reader));
  ASSIGN_OR_RETURN(layer.norm_cross, LoadNorm(source.norm_cross, reader));
  ASSIGN_OR_RETURN(layer.norm2, LoadNorm(source.norm2, reader));
  ASSIGN_OR_RETURN(layer.self_qkv, load(source.self_qkv));
  ASSIGN_OR_RETURN(layer.self_out, load(source.self_out));
  ASSIGN_OR_RETURN(const Tensor cross, load(source.cross_qkv));
  layer.cross_q = cross.narrow(0, 0, dim).clone();
  layer.cross_kv = cross.narrow(0, dim, 2 * dim).clone();
  ASSIGN_OR_RETURN(layer.cross_out, load(source.cross_out));
  ASSIGN_OR_RETURN(layer.linear1, load(source.linear1));
  ASSIGN_OR_RETURN(layer.linear2, load(source.linear2));
  return layer;
}

absl::Status TokenModel::LoadWeights(DeviceReader& reader) {
  const TokenModelTensors source = TokenModelTensors::Of(config_);
  std::vector<Tensor> embeddings, heads;
  for (int k = 0; k < config_.codebooks; ++k) {
    ASSIGN_OR_RETURN(embeddings.emplace_back(), reader.Read(source.embeddings[k]));
    ASSIGN_OR_RETURN(heads.emplace_back(), reader.Read(source.heads[k]));
  }
  t_->embedding = at::cat(embeddings);
  t_->heads = at::cat(heads);
  for (const TokenLayerTensors& layer : source.layers) {
    ASSIGN_OR_RETURN(t_->layers.emplace_back(), LoadLayer(layer, reader));
  }
  ASSIGN_OR_RETURN(t_->out_norm, LoadNorm(source.out_norm, reader));
  if (options_.precision != DevicePrecision::kFp32) {
    t_->short_heads = t_->heads.to(t_->layers[0].linear1.scalar_type());
  }
  return absl::OkStatus();
}

void TokenModel::Allocate(const std::string& device, std::vector<float> positions) {
  const int64_t slots = options_.slots, layers = config_.num_layers, dim = config_.dim;
  const int64_t steps = RoundUp(options_.steps), tokens = RoundUp(options_.condition_tokens);
  const int64_t codebooks = config_.codebooks, card = config_.card;
  // Idle slots use the position after the last one.
  positions.resize((options_.steps + 1) * dim);
  t_->positions = ToDevice(std::move(positions), {options_.steps + 1, dim}, device);
  const auto stored = t_->layers[0].linear1.options();
  const auto floats = t_->heads.options();
  const auto longs = floats.dtype(at::kLong);
  t_->embedding_start = at::arange(codebooks, longs) * (card + 1);
  t_->zero = at::zeros({}, stored);
  t_->masked = at::full({}, kMasked, stored);
  const int64_t heads = config_.num_heads, head_dim = dim / heads;
  const int64_t places = slots * 2 * heads * steps;
  t_->self = at::zeros({layers, 2, places + kSpare, head_dim}, stored);
  t_->condition = at::zeros({layers, 2, slots, heads, tokens, head_dim}, stored);
  t_->null = at::zeros({layers, 2, heads, kTokensPerFrame, head_dim}, stored);
  t_->row_start = at::arange(slots * 2 * heads, longs) * steps;
  t_->spare = at::full({1}, places, longs);
  t_->room = steps;
  t_->attention = at::zeros({slots * 2, dim}, stored);
  t_->inputs = at::zeros({slots, SlotInput::Columns(config_.codebooks)}, floats.dtype(at::kDouble));
  t_->tokens = at::zeros({slots, codebooks}, floats.dtype(at::kInt));
  t_->logits = at::zeros({slots, codebooks, card}, floats);
}

// Projects rows, [tokens][dim], to keys and values, each [heads][tokens][head_dim].
std::vector<Tensor> TokenModel::ProjectCondition(const Layer& layer, const Tensor& rows) const {
  return at::linear(rows, layer.cross_kv)
      .view({rows.size(0), 2, config_.num_heads, -1})
      .permute({1, 2, 0, 3})
      .unbind(0);
}

void TokenModel::ProjectNull(std::vector<float> null_condition, const std::string& device) {
  const Tensor rows = ToDevice(std::move(null_condition), {kTokensPerFrame, config_.dim}, device,
                               options_.precision);
  for (int i = 0; i < config_.num_layers; ++i) {
    const std::vector<Tensor> parts = ProjectCondition(t_->layers[i], rows);
    for (int part = 0; part < 2; ++part) t_->null.select(0, i).select(0, part).copy_(parts[part]);
  }
}

absl::Status TokenModel::FillSlot(int slot, const float* rows, int tokens,
                                  const CancelFlag& cancel) {
  const Tensor host =
      at::from_blob(const_cast<float*>(rows), {tokens, config_.dim}, at::TensorOptions(at::kFloat));
  const Tensor source = host.to(t_->condition.options());
  for (int i = 0; i < config_.num_layers; ++i) {
    if (cancel.cancelled()) return absl::CancelledError("opening a window was cancelled");
    const std::vector<Tensor> parts = ProjectCondition(t_->layers[i], source);
    for (int part = 0; part < 2; ++part) {
      const Tensor place = t_->condition.select(0, i).select(0, part).select(0, slot);
      place.narrow(1, 0, tokens).copy_(parts[part]);
      // Masked values are multiplied by a weight of 0, so they must be finite.
      place.narrow(1, tokens, place.size(1) - tokens).zero_();
      SlotSelf(i, part, slot).zero_();
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse::gpu
