#include "core/train/token_network.h"

#include <ATen/ATen.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/architecture/delay_pattern.h"
#include "core/model/architecture/positions.h"
#include "core/model/architecture/token_model_tensors.h"

namespace vidmuse::train {
namespace {

using at::Tensor;

Tensor Norm(const Parameters& parameters, const NormTensors& norm, const Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, parameters[norm.weight.name], parameters[norm.bias.name],
                        kNormEpsilon);
}

Tensor Linear(const Parameters& parameters, const LinearTensors& linear, const Tensor& x) {
  return at::linear(x, parameters[linear.weight.name], parameters[linear.bias.name]);
}

// Of a layer without a bias.
Tensor Linear(const Parameters& parameters, const NamedShape& weight, const Tensor& x) {
  return at::linear(x, parameters[weight.name]);
}

// The conditioner's tensors, whose sizes are those of the parameters.
ConditionerTensors SourceOf(const LmConfig& config, const Parameters& parameters) {
  const absl::StatusOr<ConditionerConfig> sizes =
      FindConditionerConfig([&](const std::string& name) {
        return parameters.Has(name) ? std::optional(parameters[name].sizes().vec()) : std::nullopt;
      });
  if (!sizes.ok()) throw std::invalid_argument(std::string(sizes.status().message()));
  return ConditionerTensors::Of(config, *sizes);
}

// Multi-head attention. q, k, v and result: [batch][tokens][heads * head width].
Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads,
              bool causal = false) {
  const auto split = [heads](const Tensor& x) {
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  const Tensor attended =
      at::scaled_dot_product_attention(split(q), split(k), split(v), {}, 0.0, causal);
  return attended.transpose(1, 2).reshape({q.size(0), q.size(1), q.size(2)});
}

// Normalises pixels of [0, 255] for CLIP, in the type of `like`.
Tensor Normalize(const Tensor& frames, const Tensor& like) {
  const auto channels = [&](const double(&values)[3]) {
    return at::tensor(at::ArrayRef<double>(values), like.options().requires_grad(false))
        .view({3, 1, 1});
  };
  const Tensor mean = channels(kPixelMean);
  const Tensor deviation = channels(kPixelDeviation);
  return (frames.to(like.scalar_type()) / 255 - mean) / deviation;
}

Tensor ClipLayer(const Parameters& parameters, const ClipLayerTensors& layer, const Tensor& x) {
  const Tensor normed = Norm(parameters, layer.norm1, x);
  const Tensor attended =
      Attend(Linear(parameters, layer.query, normed), Linear(parameters, layer.key, normed),
             Linear(parameters, layer.value, normed), x.size(2) / kVideoHeadDim);
  const Tensor y = x + Linear(parameters, layer.out, attended);
  const Tensor hidden = Linear(parameters, layer.mlp1, Norm(parameters, layer.norm2, y));
  return y + Linear(parameters, layer.mlp2, hidden * at::sigmoid(kQuickGelu * hidden));
}

Tensor TemporalLayer(const Parameters& parameters, const TemporalLayerTensors& layer, int64_t heads,
                     const Tensor& x) {
  const std::vector<Tensor> parts =
      Linear(parameters, layer.qkv, Norm(parameters, layer.norm1, x)).chunk(3, 2);
  const Tensor attended = Attend(parts[0], parts[1], parts[2], heads);
  const Tensor y = x + Linear(parameters, layer.out, attended);
  const Tensor hidden = at::gelu(Linear(parameters, layer.mlp1, Norm(parameters, layer.norm2, y)));
  return y + Linear(parameters, layer.mlp2, hidden);
}

Tensor ClipStates(const Parameters& parameters, const ClipTensors& clip, const Tensor& frames) {
  const Tensor& weight = parameters[clip.patch_embedding.name];
  const int64_t across = frames.size(2) / kPatchSize;
  const Tensor patches = Normalize(frames, weight)
                             .view({-1, 3, across, kPatchSize, across, kPatchSize})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({frames.size(0), across * across, -1});
  const Tensor& token = parameters[clip.class_embedding.name];
  const Tensor embedded =
      at::cat({token.expand({frames.size(0), 1, -1}),
               at::linear(patches, weight.view({weight.size(0), -1})).to(token.scalar_type())},
              1);
  Tensor x = embedded + parameters[clip.position_embedding.name];
  x = Norm(parameters, clip.pre_norm, x);
  for (const ClipLayerTensors& layer : clip.layers) x = ClipLayer(parameters, layer, x);
  return x;
}

Tensor TemporalStates(const LmConfig& config, const Parameters& parameters,
                      const TemporalTensors& branch, const Tensor& states) {
  Tensor x = states + parameters[branch.position.name];
  for (const TemporalLayerTensors& layer : branch.layers) {
    x = TemporalLayer(parameters, layer, config.num_heads, x);
  }
  return Norm(parameters, branch.norm, x);
}

Tensor CrossCondition(const Parameters& parameters, const ConditionerTensors& source,
                      const Tensor& local, const Tensor& global) {
  const Tensor attended = Attend(Linear(parameters, source.cross_query, local),
                                 Linear(parameters, source.cross_key, global),
                                 Linear(parameters, source.cross_value, global), kCrossHeads);
  const Tensor a = Norm(parameters, source.cross_norm1, attended + local);
  const Tensor b =
      Norm(parameters, source.cross_norm2, Linear(parameters, source.cross_final, a) + a);
  return Linear(parameters, source.projection, b);
}

// [steps][dim], in the type of `like` and on its device.
Tensor Positions(int64_t steps, int64_t dim, const Tensor& like) {
  std::vector<float> table = SinusoidalPositions(static_cast<int>(steps), static_cast<int>(dim));
  return at::from_blob(table.data(), {steps, dim}, at::kFloat)
      .to(like.device(), like.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

Tensor ClipStates(const LmConfig& config, const Parameters& parameters, const Tensor& frames) {
  return ClipStates(parameters, SourceOf(config, parameters).clip, frames);
}

Tensor TemporalStates(const LmConfig& config, const Parameters& parameters, VideoBranch branch,
                      const Tensor& states) {
  const ConditionerTensors source = SourceOf(config, parameters);
  return TemporalStates(config, parameters,
                        branch == VideoBranch::kLocal ? source.local : source.global, states);
}

Tensor CrossCondition(const LmConfig& config, const Parameters& parameters, const Tensor& local,
                      const Tensor& global) {
  return CrossCondition(parameters, SourceOf(config, parameters), local, global);
}

Tensor Condition(const LmConfig& config, const Parameters& parameters, const Tensor& local,
                 const Tensor& global) {
  const ConditionerTensors source = SourceOf(config, parameters);
  const int64_t batch = local.size(0);
  const Tensor frames = at::cat({local.flatten(0, 1), global.flatten(0, 1)});
  const Tensor states = ClipStates(parameters, source.clip, frames);
  const int64_t local_frames = batch * local.size(1);
  const auto branch = [&](const TemporalTensors& tensors, const Tensor& of) {
    return TemporalStates(config, parameters, tensors, of).reshape({batch, -1, of.size(2)});
  };
  return CrossCondition(
      parameters, source, branch(source.local, states.narrow(0, 0, local_frames)),
      branch(source.global, states.narrow(0, local_frames, frames.size(0) - local_frames)));
}

namespace {

Tensor TransformerLayer(const LmConfig& config, const Parameters& parameters,
                        const TokenLayerTensors& layer, const Tensor& x, const Tensor& condition) {
  const int64_t dim = config.dim;
  const std::vector<Tensor> self =
      Linear(parameters, layer.self_qkv, Norm(parameters, layer.norm1, x)).chunk(3, 2);
  Tensor y = x + Linear(parameters, layer.self_out,
                        Attend(self[0], self[1], self[2], config.num_heads, /*causal=*/true));
  const Tensor& cross = parameters[layer.cross_qkv.name];
  const Tensor query = at::linear(Norm(parameters, layer.norm_cross, y), cross.narrow(0, 0, dim));
  const std::vector<Tensor> source =
      at::linear(condition, cross.narrow(0, dim, 2 * dim)).chunk(2, 2);
  y = y +
      Linear(parameters, layer.cross_out, Attend(query, source[0], source[1], config.num_heads));
  const Tensor hidden =
      at::gelu(Linear(parameters, layer.linear1, Norm(parameters, layer.norm2, y)));
  return y + Linear(parameters, layer.linear2, hidden);
}

}  // namespace

Tensor TransformerLayer(const LmConfig& config, const Parameters& parameters, int layer,
                        const Tensor& x, const Tensor& condition) {
  return TransformerLayer(config, parameters, TokenModelTensors::Of(config).layers[layer], x,
                          condition);
}

Tensor TokenLogits(const LmConfig& config, const Parameters& parameters, const Tensor& sequence,
                   const Tensor& condition) {
  const TokenModelTensors source = TokenModelTensors::Of(config);
  Tensor x;
  for (int k = 0; k < config.codebooks; ++k) {
    const Tensor embedded =
        at::embedding(parameters[source.embeddings[k].name], sequence.select(1, k));
    x = k == 0 ? embedded : x + embedded;
  }
  x = x + Positions(sequence.size(2), config.dim, x);
  for (const TokenLayerTensors& layer : source.layers) {
    x = TransformerLayer(config, parameters, layer, x, condition);
  }
  x = Norm(parameters, source.out_norm, x);
  std::vector<Tensor> logits;
  logits.reserve(source.heads.size());
  for (const NamedShape& head : source.heads) logits.push_back(Linear(parameters, head, x));
  return at::stack(logits, 1);
}

Tensor DelaySequence(const Tensor& codes, int64_t card) {
  const int64_t codebooks = codes.size(1);
  const int64_t frames = codes.size(2);
  const int steps = SequenceSteps(static_cast<int>(frames), static_cast<int>(codebooks));
  Tensor sequence = at::full({codes.size(0), codebooks, steps}, card, codes.options());
  for (int k = 0; k < codebooks; ++k) {
    sequence.select(1, k).narrow(1, StepOf(0, k), frames).copy_(codes.select(1, k));
  }
  return sequence;
}

Tensor TokenLoss(const LmConfig& config, const Parameters& parameters, const Tensor& codes,
                 const Tensor& condition, const Tensor& hidden, const Tensor& heard) {
  const Tensor sequence = DelaySequence(codes, config.card);
  const int64_t steps = sequence.size(2) - 1;
  Tensor seen = heard.defined() ? DelaySequence(heard, config.card) : sequence;
  seen = seen.narrow(2, 0, steps);
  if (hidden.defined()) seen = seen.masked_fill(hidden.unsqueeze(1), config.card);
  Tensor logits = TokenLogits(config, parameters, seen, condition);
  if (logits.scalar_type() == at::kBFloat16) logits = logits.to(at::kFloat);
  // The model doesn't predict special tokens.
  return at::cross_entropy_loss(logits.reshape({-1, config.card}),
                                sequence.narrow(2, 1, steps).reshape(-1), {}, at::Reduction::Mean,
                                /*ignore_index=*/config.card);
}

}  // namespace vidmuse::train
