#include "core/model/torch/token_network.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/model/torch/token_network_tensors.h"
#include "core/model/torch/token_sampler.h"
#include "core/model/torch/video_networks.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr double kNormEpsilon = 1e-5;

Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v,
              const std::optional<Tensor>& mask) {
  return at::scaled_dot_product_attention(q, k, v, mask);
}

}  // namespace

Tensor& TokenNetwork::inputs() { return t_->inputs; }
Tensor& TokenNetwork::tokens() { return t_->tokens; }
Tensor& TokenNetwork::logits() { return t_->logits; }

void TokenNetwork::FillIdle(double* row) const {
  std::fill(row, row + SlotInput::Columns(config_.codebooks), 0.0);
  SlotInput input(row, config_.codebooks);
  input.option(kGreedyColumn) = 1;
  input.write_position() = options_.steps;
  input.length() = 1;
  input.condition_tokens() = 1;
}

// [slots * 2][dim]: the same for both rows of a slot.
Tensor TokenNetwork::Embed() const {
  const int64_t slots = options_.slots, codebooks = config_.codebooks;
  const Tensor tokens = t_->inputs.narrow(1, kSamplingColumns + 3, codebooks).to(at::kLong);
  const Tensor vectors =
      at::embedding(t_->embedding, tokens + t_->embedding_start).sum(1);  // [slots][dim]
  const Tensor position = t_->inputs.select(1, kSamplingColumns).to(at::kLong);
  const Tensor x = vectors + t_->positions.index_select(0, position);
  return x.unsqueeze(1).expand({slots, 2, config_.dim}).reshape({slots * 2, config_.dim});
}

// [slots][1][1][length]: 0 below the slot's number in an input's `column`, minus infinity above.
Tensor TokenNetwork::Mask(int column, int64_t length) const {
  const Tensor limit = t_->inputs.select(1, column).to(at::kLong).view({-1, 1, 1, 1});
  const Tensor place = at::arange(length, limit.options());
  return t_->zero.where(place < limit, t_->minus_infinity);
}

void TokenNetwork::SelfAttention(int layer, int bucket, const Tensor& qkv, const Tensor& mask) {
  const int64_t heads = config_.num_heads, dim = config_.dim, rows = 2 * bucket;
  const int64_t head_dim = dim / heads;
  const int64_t steps = t_->self.size(4);
  const std::vector<Tensor> parts = qkv.narrow(0, 0, rows).chunk(3, 1);
  // Every slot's place for this step, rows of all slots one after the other.
  const Tensor position = t_->inputs.select(1, kSamplingColumns).narrow(0, 0, bucket).to(at::kLong);
  const Tensor place = t_->row_start.narrow(0, 0, rows) + position.repeat_interleave(2, 0, rows);
  Tensor cache[2];
  for (int part = 0; part < 2; ++part) {
    const Tensor all = t_->self.select(0, layer).select(0, part).view({-1, dim});
    all.index_copy_(0, place, parts[1 + part]);
    cache[part] =
        all.narrow(0, 0, rows * steps).view({rows, steps, heads, head_dim}).transpose(1, 2);
  }
  const Tensor q = parts[0].unflatten(1, {heads, head_dim}).unsqueeze(2);
  const Tensor out = Attend(q, cache[0], cache[1], mask);
  t_->attention.narrow(0, 0, rows).copy_(out.reshape({rows, dim}));
}

void TokenNetwork::CrossAttention(int layer, int bucket, const Tensor& q, const Tensor& mask) {
  const int64_t heads = config_.num_heads, dim = config_.dim;
  const int64_t head_dim = dim / heads;
  const Tensor rows = q.narrow(0, 0, 2 * bucket).view({bucket, 2, heads, 1, head_dim});
  const Tensor condition = t_->condition.select(0, layer).narrow(1, 0, bucket);
  const Tensor null = t_->null.select(0, layer);
  const auto by_head = [&](const Tensor& cache) {  // [bucket][tokens][dim]
    return cache.unflatten(2, {heads, head_dim}).transpose(1, 2);
  };
  const auto shared = [&](int part) { return null.select(0, part).expand({bucket, -1, dim}); };
  const Tensor out = t_->attention.narrow(0, 0, 2 * bucket).view({bucket, 2, dim});
  out.select(1, 0).copy_(Attend(rows.select(1, 0), by_head(condition.select(0, 0)),
                                by_head(condition.select(0, 1)), mask)
                             .reshape({bucket, dim}));
  out.select(1, 1).copy_(
      Attend(rows.select(1, 1), by_head(shared(0)), by_head(shared(1)), std::nullopt)
          .reshape({bucket, dim}));
}

void TokenNetwork::Step(int bucket) {
  const auto stored = t_->attention.scalar_type();
  const auto normed = [&](const Norm& norm, const Tensor& x) {
    return at::layer_norm(x, {config_.dim}, norm.weight, norm.bias, kNormEpsilon);
  };
  Tensor x = Embed();  // float throughout
  const Tensor self_mask = Mask(kSamplingColumns + 1, t_->self.size(4))
                               .narrow(0, 0, bucket)
                               .repeat_interleave(2, 0, 2 * bucket);
  const Tensor cross_mask = Mask(kSamplingColumns + 2, t_->condition.size(3)).narrow(0, 0, bucket);
  for (int i = 0; i < config_.num_layers; ++i) {
    const Layer& layer = t_->layers[i];
    SelfAttention(i, bucket, at::linear(normed(layer.norm1, x).to(stored), layer.self_qkv),
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

}  // namespace vidmuse
