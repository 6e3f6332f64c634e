#include "core/model/architecture/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/base/philox.h"
#include "core/base/status_macros.h"

namespace vidmuse {

void GuideLogits(absl::Span<const float> cond, absl::Span<const float> null, float cfg_coef,
                 float* out) {
  for (size_t i = 0; i < cond.size(); ++i) out[i] = null[i] + (cond[i] - null[i]) * cfg_coef;
}

void Sampler::KeepTopK(int k) {
  if (static_cast<size_t>(k) >= weights_.size()) return;
  sorted_ = weights_;
  std::nth_element(sorted_.begin(), sorted_.begin() + (k - 1), sorted_.end(), std::greater<>());
  const double least = sorted_[k - 1];
  for (double& weight : weights_) {
    if (weight < least) weight = 0;
  }
}

void Sampler::KeepNucleus(double p) {
  order_.resize(weights_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [this](int32_t a, int32_t b) {
    return weights_[a] != weights_[b] ? weights_[a] > weights_[b] : a < b;
  });
  double before = 0;
  for (const int32_t token : order_) {
    const double weight = weights_[token];
    if (before > p) weights_[token] = 0;
    before += weight;
  }
}

absl::StatusOr<int32_t> Sampler::Draw(absl::Span<const float> logits,
                                      const SamplingOptions& options, double uniform) {
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isfinite(logits[i])) {
      return absl::InternalError(absl::StrCat("the model's logit of token ", i, " is ", logits[i],
                                              ", not a finite number"));
    }
    if (logits[i] > logits[best]) best = i;
  }
  if (options.IsGreedy()) return static_cast<int32_t>(best);
  if (!(options.temperature > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("temperature is ", options.temperature));
  }

  weights_.resize(logits.size());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    weights_[i] = std::exp((double{logits[i]} - logits[best]) / options.temperature);
    sum += weights_[i];
  }
  for (double& weight : weights_) weight /= sum;
  if (options.top_p > 0) {
    KeepNucleus(options.top_p);
  } else if (options.top_k > 0) {
    KeepTopK(options.top_k);
  }

  const double kept = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  const double target = uniform * kept;
  double cumulative = 0;
  size_t token = best;  // rounding may put `target` at the very end
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] == 0) continue;
    cumulative += weights_[i];
    token = i;
    if (cumulative > target) break;
  }
  return static_cast<int32_t>(token);
}

absl::Status Sampler::DrawStep(absl::Span<const float> logits, int codebooks,
                               const SamplingOptions& options, int64_t frame, int32_t* tokens) {
  const size_t card = logits.size() / codebooks;
  for (int k = 0; k < codebooks; ++k) {
    const double uniform = TokenUniform(options.seed, static_cast<uint64_t>(frame - k), k);
    ASSIGN_OR_RETURN(tokens[k], Draw(logits.subspan(k * card, card), options, uniform));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
