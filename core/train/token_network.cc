#include "core/train/token_network.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace vidmuse::train {
namespace {

using at::Tensor;

constexpr int kHeadWidth = 64;  // of CLIP
constexpr int kCrossHeads = 3;
constexpr int kPatch = 32;  // pixels, width and height
constexpr double kQuickGelu = 1.702;
constexpr double kNormEpsilon = 1e-5;
constexpr char kTower[] = "visual_encoder_model.vision_model.";

Tensor Norm(const Parameters& parameters, const std::string& name, const Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, parameters[name + ".weight"], parameters[name + ".bias"],
                        kNormEpsilon);
}

Tensor Linear(const Parameters& parameters, const std::string& name, const Tensor& x) {
  const std::string bias = name + ".bias";
  return parameters.Has(bias) ? at::linear(x, parameters[name + ".weight"], parameters[bias])
                              : at::linear(x, parameters[name + ".weight"]);
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
  const auto channels = [&](const std::vector<double>& values) {
    return at::tensor(values, like.options().requires_grad(false)).view({3, 1, 1});
  };
  const Tensor mean = channels({0.48145466, 0.4578275, 0.40821073});
  const Tensor deviation = channels({0.26862954, 0.26130258, 0.27577711});
  return (frames.to(like.scalar_type()) / 255 - mean) / deviation;
}

Tensor ClipLayer(const Parameters& parameters, const std::string& at, const Tensor& x) {
  const Tensor normed = Norm(parameters, at + ".layer_norm1", x);
  const auto project = [&](const char* part) {
    return Linear(parameters, absl::StrCat(at, ".self_attn.", part), normed);
  };
  const Tensor attended =
      Attend(project("q_proj"), project("k_proj"), project("v_proj"), x.size(2) / kHeadWidth);
  const Tensor y = x + Linear(parameters, at + ".self_attn.out_proj", attended);
  const Tensor hidden =
      Linear(parameters, at + ".mlp.fc1", Norm(parameters, at + ".layer_norm2", y));
  return y + Linear(parameters, at + ".mlp.fc2", hidden * at::sigmoid(kQuickGelu * hidden));
}

Tensor TemporalLayer(const Parameters& parameters, const std::string& at, int64_t heads,
                     const Tensor& x) {
  const std::vector<Tensor> parts =
      Linear(parameters, at + ".0.fn.to_qkv", Norm(parameters, at + ".0.norm", x)).chunk(3, 2);
  const Tensor attended = Attend(parts[0], parts[1], parts[2], heads);
  const Tensor y = x + Linear(parameters, at + ".0.fn.to_out.0", attended);
  const Tensor hidden =
      at::gelu(Linear(parameters, at + ".1.fn.net.0", Norm(parameters, at + ".1.norm", y)));
  return y + Linear(parameters, at + ".1.fn.net.3", hidden);
}

// Sinusoidal positions: cat(cos(p), sin(p)) with p = step / 10000^(i / (dim/2 - 1)).
Tensor Positions(int64_t steps, int64_t dim, const Tensor& like) {
  const Tensor step = at::arange(steps, at::kFloat).unsqueeze(1);
  const int64_t half = dim / 2;
  const Tensor exponent = at::arange(half, at::kFloat) / static_cast<double>(half - 1);
  const Tensor phase = step / at::pow(at::scalar_tensor(10000.0, at::kFloat), exponent);
  return at::cat({phase.cos(), phase.sin()}, 1).to(like.device(), like.scalar_type());
}

}  // namespace

Tensor ClipStates(const Parameters& parameters, const Tensor& frames) {
  const std::string embeddings = std::string(kTower) + "embeddings.";
  const Tensor weight = parameters[embeddings + "patch_embedding.weight"];
  const int64_t across = frames.size(2) / kPatch;
  const Tensor patches = Normalize(frames, weight)
                             .view({-1, 3, across, kPatch, across, kPatch})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({frames.size(0), across * across, -1});
  const Tensor token = parameters[embeddings + "class_embedding"];
  const Tensor embedded =
      at::cat({token.expand({frames.size(0), 1, -1}),
               at::linear(patches, weight.view({weight.size(0), -1})).to(token.scalar_type())},
              1);
  Tensor x = embedded + parameters[embeddings + "position_embedding.weight"];
  x = Norm(parameters, std::string(kTower) + "pre_layrnorm", x);
  const auto layer = [](int i) { return absl::StrCat(kTower, "encoder.layers.", i); };
  for (int i = 0; parameters.Has(layer(i) + ".layer_norm1.weight"); ++i) {
    x = ClipLayer(parameters, layer(i), x);
  }
  return x;
}

Tensor TemporalStates(const LmConfig& config, const Parameters& parameters,
                      const std::string& branch, const Tensor& states) {
  Tensor x = states + parameters[branch + "_pos_embedding"];
  const std::string name = branch + "_temporal_transformer";
  const auto layer = [&](int i) { return absl::StrCat(name, ".layers.", i); };
  for (int i = 0; parameters.Has(layer(i) + ".0.norm.weight"); ++i) {
    x = TemporalLayer(parameters, layer(i), config.num_heads, x);
  }
  return Norm(parameters, name + ".norm", x);
}

Tensor CrossCondition(const Parameters& parameters, const Tensor& local, const Tensor& global) {
  const std::string cross = "multi_head_cross_attention.";
  const Tensor attended =
      Attend(Linear(parameters, cross + "query", local), Linear(parameters, cross + "key", global),
             Linear(parameters, cross + "value", global), kCrossHeads);
  const Tensor a = Norm(parameters, cross + "norm1", attended + local);
  const Tensor b =
      Norm(parameters, cross + "norm2", Linear(parameters, cross + "final_linear", a) + a);
  return Linear(parameters, "visual_feature_proj", b);
}

Tensor Condition(const LmConfig& config, const Parameters& parameters, const Tensor& local,
                 const Tensor& global) {
  const int64_t batch = local.size(0);
  const Tensor frames = at::cat({local.flatten(0, 1), global.flatten(0, 1)});
  const Tensor states = ClipStates(parameters, frames);
  const int64_t local_frames = batch * local.size(1);
  const auto branch = [&](const char* name, const Tensor& of) {
    return TemporalStates(config, parameters, name, of).reshape({batch, -1, of.size(2)});
  };
  return CrossCondition(
      parameters, branch("local", states.narrow(0, 0, local_frames)),
      branch("global", states.narrow(0, local_frames, frames.size(0) - local_frames)));
}

Tensor TransformerLayer(const LmConfig& config, const Parameters& parameters, int layer,
                        const Tensor& x, const Tensor& condition) {
  const std::string at = absl::StrCat("transformer.layers.", layer);
  const int64_t dim = config.dim;
  const std::vector<Tensor> self =
      at::linear(Norm(parameters, at + ".norm1", x), parameters[at + ".self_attn.in_proj_weight"])
          .chunk(3, 2);
  Tensor y = x + Linear(parameters, at + ".self_attn.out_proj",
                        Attend(self[0], self[1], self[2], config.num_heads, /*causal=*/true));
  const Tensor cross = parameters[at + ".cross_attention.in_proj_weight"];
  const Tensor query = at::linear(Norm(parameters, at + ".norm_cross", y), cross.narrow(0, 0, dim));
  const std::vector<Tensor> source =
      at::linear(condition, cross.narrow(0, dim, 2 * dim)).chunk(2, 2);
  y = y + Linear(parameters, at + ".cross_attention.out_proj",
                 Attend(query, source[0], source[1], config.num_heads));
  const Tensor hidden =
      at::gelu(Linear(parameters, at + ".linear1", Norm(parameters, at + ".norm2", y)));
  return y + Linear(parameters, at + ".linear2", hidden);
}

Tensor TokenLogits(const LmConfig& config, const Parameters& parameters, const Tensor& sequence,
                   const Tensor& condition) {
  Tensor x;
  for (int k = 0; k < config.codebooks; ++k) {
    const Tensor embedded =
        at::embedding(parameters[absl::StrCat("emb.", k, ".weight")], sequence.select(1, k));
    x = k == 0 ? embedded : x + embedded;
  }
  x = x + Positions(sequence.size(2), config.dim, x);
  for (int layer = 0; layer < config.num_layers; ++layer) {
    x = TransformerLayer(config, parameters, layer, x, condition);
  }
  x = Norm(parameters, "out_norm", x);
  std::vector<Tensor> logits;
  logits.reserve(config.codebooks);
  for (int k = 0; k < config.codebooks; ++k) {
    logits.push_back(Linear(parameters, absl::StrCat("linears.", k), x));
  }
  return at::stack(logits, 1);
}

Tensor DelaySequence(const Tensor& codes, int64_t card) {
  const int64_t codebooks = codes.size(1);
  const int64_t frames = codes.size(2);
  Tensor sequence = at::full({codes.size(0), codebooks, frames + codebooks}, card, codes.options());
  for (int64_t k = 0; k < codebooks; ++k) {
    sequence.select(1, k).narrow(1, 1 + k, frames).copy_(codes.select(1, k));
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
