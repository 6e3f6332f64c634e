// Draws the next tokens from the guided logits, with audiocraft's rules.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_SAMPLER_H_
#define VIDMUSE_MODEL_ARCHITECTURE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// Classifier-free guidance: out[i] = null[i] + (cond[i] - null[i]) * cfg_coef. `out` may be `cond`.
void GuideLogits(absl::Span<const float> cond, absl::Span<const float> null, float cfg_coef,
                 float* out);

// Every result is a function of the arguments alone, by scalar arithmetic in one fixed order. Calls
// share buffers, so only one thread may use it at a time.
class Sampler {
 public:
  // Draws the next token of one codebook.
  //
  // Greedy sampling takes the largest logit, and the first of equal ones. Otherwise, the
  // probabilities are softmax(logits / temperature). If top_p > 0, only the nucleus is kept: of the
  // tokens sorted by probability, those whose predecessors' sum is at most top_p. Else, if
  // top_k > 0, only tokens at least as probable as the top_k-th are kept. The result is the inverse
  // of the cumulative distribution, in token order, at `uniform`, which is in [0, 1).
  //
  // INTERNAL: a logit is not finite. INVALID_ARGUMENT: temperature is below 0 or not a number.
  absl::StatusOr<int32_t> Draw(absl::Span<const float> logits, const SamplingOptions& options,
                               double uniform);

  // Draws the next token of every codebook. `logits` is [codebooks][card]. Codebook k uses the
  // random number of frame `frame` - k, so it doesn't depend on the step or the window.
  absl::Status DrawStep(absl::Span<const float> logits, int codebooks,
                        const SamplingOptions& options, int64_t frame, int32_t* tokens);

 private:
  void KeepTopK(int k);
  void KeepNucleus(double p);

  std::vector<double> weights_;  // probabilities; 0 for what was cut
  std::vector<double> sorted_;
  std::vector<int32_t> order_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_SAMPLER_H_
