#include "core/model/gpu/sampler.h"

#include <ATen/ATen.h>

#include <tuple>

namespace vidmuse::gpu {
namespace {

using at::Tensor;

// [rows][1][1]
Tensor Column(const Tensor& options, SamplingColumn column) {
  return options.narrow(1, column, 1).unsqueeze(2);
}

// Sets the weights to 0 that top_p, or else top_k, cuts.
Tensor Cut(const Tensor& weights, const Tensor& options) {
  const int64_t card = weights.size(2);
  // The sort is stable because the nucleus takes equal weights in token order.
  const auto [sorted, order] = weights.sort(/*stable=*/true, /*dim=*/2, /*descending=*/true);
  const Tensor zero = at::zeros_like(weights);

  const Tensor before = at::cat({zero.narrow(2, 0, 1), sorted.cumsum(2).narrow(2, 0, card - 1)}, 2);
  const Tensor top_p = Column(options, kTopPColumn);
  const Tensor nucleus =
      at::zeros_like(weights).scatter(2, order, sorted.where(before <= top_p, zero));

  const Tensor top_k = Column(options, kTopKColumn);
  const Tensor kth = (top_k - 1).clamp(0, card - 1).to(at::kLong).expand({-1, weights.size(1), 1});
  const Tensor most_probable = weights.where(weights >= sorted.gather(2, kth), zero);

  return nucleus.where(top_p > 0, most_probable.where(top_k > 0, weights));
}

// Inverts the cumulative distribution in token order. Returns the first kept token at which the sum
// exceeds uniform * total.
Tensor Invert(const Tensor& kept, const Tensor& uniforms) {
  const int64_t card = kept.size(2);
  const Tensor token = at::arange(card, kept.options().dtype(at::kLong));
  const Tensor sums = kept.cumsum(2);
  const Tensor target = uniforms.unsqueeze(2) * sums.narrow(2, card - 1, 1);
  const Tensor is_kept = kept > 0;
  const Tensor none = at::full_like(token, card);
  const Tensor first = token.where(is_kept & (sums > target), none).amin(2);
  // Rounding may put the target at the very end.
  const Tensor last = token.where(is_kept, token - card).amax(2);
  return first.where(first < card, last);
}

}  // namespace

Tensor GuideOnDevice(const Tensor& logits, const Tensor& options) {
  const Tensor conditional = logits.select(1, 0);
  const Tensor null = logits.select(1, 1);
  return null + (conditional - null) * Column(options, kCfgCoefColumn).to(at::kFloat);
}

Tensor DrawOnDevice(const Tensor& logits, const Tensor& options, const Tensor& uniforms) {
  const Tensor greedy = Column(options, kGreedyColumn).squeeze(2) > 0;
  const Tensor finite = logits.isfinite().all(2);
  const auto [best, argmax] = logits.max(2, /*keepdim=*/true);
  // Greedy rows, whose temperature may be 0, are also computed, but their result isn't used.
  const Tensor temperature = Column(options, kTemperatureColumn).clamp_min(1e-30);
  const Tensor exponent = (logits.to(at::kDouble) - best.to(at::kDouble)) / temperature;
  Tensor weights = exponent.exp();
  weights = weights / weights.sum(2, /*keepdim=*/true);
  const Tensor drawn = Invert(Cut(weights, options), uniforms);
  const Tensor token = argmax.squeeze(2).where(greedy, drawn);
  return token.where(finite, at::full_like(token, -1)).to(at::kInt);
}

}  // namespace vidmuse::gpu
