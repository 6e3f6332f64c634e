#include "core/model/gpu/token_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/conditioner/video_networks.h"
#include "core/model/gpu/sampler.h"
#include "core/model/gpu/token_model_tensors.h"

namespace vidmuse::gpu {
namespace {

using at::Tensor;

// The library's fused attention needs a head width that is a multiple of this.
constexpr int64_t kFusedMultiple = 8;

// Attention over each part by itself. Returns its result and the logarithm of its sum of
// exponentials, [batch][parts][1 or more], float.
std::pair<Tensor, Tensor> AttendPart(const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& mask) {
  if (q.size(3) % kFusedMultiple != 0) {
    const Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(q.size(3)) + mask;
    const Tensor weights = scores.softmax(/*dim=*/3, at::kFloat);
    return {at::matmul(weights.to(v.scalar_type()), v), scores.to(at::kFloat).logsumexp(3)};
  }
  if (q.device().is_cpu()) {
    auto [out, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
        q, k, v, /*dropout_p=*/0, /*is_causal=*/false, mask);
    return {out, log_sum};
  }
  auto [out, log_sum, seed, offset] =
      at::_scaled_dot_product_efficient_attention(q, k, v, mask, /*compute_log_sumexp=*/true);
  return {out, log_sum};
}

// Attention in parts of kSplit keys, which are combined. q: [rows][heads][head_dim]; k, v:
// [rows][heads][length][head_dim]; mask: [rows * heads][parts][1][kSplit].
Tensor AttendInParts(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
  const int64_t rows = q.size(0), heads = q.size(1), head_dim = q.size(2);
  const int64_t parts = k.size(2) / kSplit;
  const auto split = [&](const Tensor& x) {
    return x.reshape({rows * heads, parts, kSplit, head_dim});
  };
  const Tensor queries = q.unsqueeze(2)
                             .expand({rows, heads, parts, head_dim})
                             .reshape({rows * heads, parts, 1, head_dim});
  const auto [out, log_sum] = AttendPart(queries, split(k), split(v), mask);
  const Tensor shares =
      log_sum.narrow(2, 0, 1).reshape({rows * heads, parts, 1}).softmax(/*dim=*/1);
  return (out.reshape({rows * heads, parts, head_dim}) * shares).sum(1).reshape({rows, -1});
}

}  // namespace

Tensor TokenModel::SlotSelf(int layer, int part, int slot) const {
  const int64_t places = 2 * config_.num_heads * t_->room;
  return t_->self.select(0, layer).select(0, part).narrow(0, slot * places, places);
}

Tensor& TokenModel::inputs() { return t_->inputs; }
Tensor& TokenModel::tokens() { return t_->tokens; }
Tensor& TokenModel::logits() { return t_->logits; }

void TokenModel::FillIdle(double* row) const {
  std::fill(row, row + SlotInput::Columns(config_.codebooks), 0.0);
  SlotInput input(row, config_.codebooks);
  input.option(kGreedyColumn) = 1;
  input.write_position() = options_.steps;
  input.length() = 1;
  input.condition_tokens() = 1;
}

// Returns [slots * 2][dim], where both rows of a slot are equal.
Tensor TokenModel::Embed() const {
  const int64_t slots = options_.slots, codebooks = config_.codebooks;
  const Tensor tokens = t_->inputs.narrow(1, kSamplingColumns + 3, codebooks).to(at::kLong);
  const Tensor vectors =
      at::embedding(t_->embedding, tokens + t_->embedding_start).sum(1);  // [slots][dim]
  const Tensor position = t_->inputs.select(1, kSamplingColumns).to(at::kLong);
  const Tensor x = vectors + t_->positions.index_select(0, position);
  return x.unsqueeze(1).expand({slots, 2, config_.dim}).reshape({slots * 2, config_.dim});
}

// Returns AttendInParts's mask. It is 0 for places below the slot's number in the input's `column`,
// and kMasked for others. kMasked is finite, so a part without any key gets a weight of 0 rather
// than NaN. `rows` is the number of rows per slot.
Tensor TokenModel::Mask(int column, int64_t length, int bucket, int rows) const {
  const Tensor limit =
      t_->inputs.select(1, column).narrow(0, 0, bucket).to(at::kLong).view({-1, 1, 1});
  const Tensor place = at::arange(length, limit.options());
  const Tensor mask = t_->zero.where(place < limit, t_->masked);  // [bucket][1][length]
  const int64_t copies = int64_t{rows} * config_.num_heads;
  return mask.expand({bucket, copies, length})
      .reshape({bucket * copies, length / kSplit, 1, kSplit});
}

// Returns where each row's and head's keys and values of this step belong in `self`, long
// [bucket * 2 * heads].
Tensor TokenModel::Places(int bucket) const {
  const int64_t copies = int64_t{2} * config_.num_heads;
  const Tensor position = t_->inputs.select(1, kSamplingColumns)
                              .narrow(0, 0, bucket)
                              .to(at::kLong)
                              .repeat_interleave(copies, 0, copies * bucket);
  const Tensor place = t_->row_start.narrow(0, 0, copies * bucket) + position;
  return t_->spare.where(position == options_.steps, place);
}

void TokenModel::SelfAttention(int layer, int bucket, const Tensor& qkv, const Tensor& places,
                               const Tensor& mask) {
  const int64_t heads = config_.num_heads, rows = 2 * bucket;
  const std::vector<Tensor> parts =
      qkv.narrow(0, 0, rows).unflatten(1, {3, heads, -1}).unbind(1);  // [rows][heads][head_dim]
  const int64_t head_dim = parts[0].size(2);
  Tensor cache[2];
  for (int part = 0; part < 2; ++part) {
    Tensor all = t_->self.select(0, layer).select(0, part);
    all.index_copy_(0, places, parts[1 + part].reshape({rows * heads, head_dim}));
    cache[part] = all.narrow(0, 0, rows * heads * t_->room).view({rows, heads, t_->room, head_dim});
  }
  t_->attention.narrow(0, 0, rows).copy_(AttendInParts(parts[0], cache[0], cache[1], mask));
}

void TokenModel::CrossAttention(int layer, int bucket, const Tensor& q, const Tensor& mask) {
  const int64_t heads = config_.num_heads, head_dim = config_.dim / heads;
  const Tensor rows = q.narrow(0, 0, 2 * bucket).view({bucket, 2, heads, head_dim});
  const Tensor condition = t_->condition.select(0, layer).narrow(1, 0, bucket);
  const Tensor null = t_->null.select(0, layer);
  const auto shared = [&](int part) { return null.select(0, part).expand({bucket, -1, -1, -1}); };
  const Tensor out = t_->attention.narrow(0, 0, 2 * bucket).view({bucket, 2, config_.dim});
  out.select(1, 0).copy_(AttendInParts(rows.select(1, 0), condition[0], condition[1], mask));
  // All of the null condition's keys are in use.
  out.select(1, 1).copy_(
      at::scaled_dot_product_attention(rows.select(1, 1).unsqueeze(2), shared(0), shared(1))
          .reshape({bucket, config_.dim}));
}

void TokenModel::Step(int bucket) {
  const auto stored = t_->attention.scalar_type();
  const auto normed = [&](const Norm& norm, const Tensor& x) {
    return at::layer_norm(x, {config_.dim}, norm.weight, norm.bias, kNormEpsilon);
  };
  Tensor x = Embed();  // float throughout
  const Tensor places = Places(bucket);
  const Tensor self_mask = Mask(kSamplingColumns + 1, t_->room, bucket, 2);
  const Tensor cross_mask = Mask(kSamplingColumns + 2, t_->condition.size(4), bucket, 1);
  for (int i = 0; i < config_.num_layers; ++i) {
    const Layer& layer = t_->layers[i];
    SelfAttention(i, bucket, at::linear(normed(layer.norm1, x).to(stored), layer.self_qkv), places,
                  self_mask);
    x = x + at::linear(t_->attention, layer.self_out);
    CrossAttention(i, bucket, at::linear(normed(layer.norm_cross, x).to(stored), layer.cross_q),
                   cross_mask);
    x = x + at::linear(t_->attention, layer.cross_out);
    const Tensor hidden = at::gelu(at::linear(normed(layer.norm2, x).to(stored), layer.linear1));
    x = x + at::linear(hidden, layer.linear2);
  }
  const Tensor logits = at::linear(normed(t_->out_norm, x), t_->heads)
                            .view({options_.slots, 2, config_.codebooks, config_.card});
  const Tensor options = t_->inputs.narrow(1, 0, kSamplingColumns);
  const Tensor uniforms =
      t_->inputs.narrow(1, kSamplingColumns + 3 + config_.codebooks, config_.codebooks);
  t_->logits.copy_(GuideOnDevice(logits, options));
  t_->tokens.copy_(DrawOnDevice(t_->logits, options, uniforms));
}

}  // namespace vidmuse::gpu
