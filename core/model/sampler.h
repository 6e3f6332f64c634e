// Draws the next tokens from the guided logits, with audiocraft's rules.
#ifndef VIDMUSE_MODEL_SAMPLER_H_
#define VIDMUSE_MODEL_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Classifier-free guidance: out[i] = null[i] + (cond[i] - null[i]) * cfg_coef. `out` may be `cond`.
void GuideLogits(absl::Span<const float> cond, absl::Span<const float> null, float cfg_coef,
                 float* out);

// Every result is a function of the arguments alone: one fixed order of scalar arithmetic. Holds
// buffers that its calls share: one thread at a time.
class Sampler {
 public:
  // The next token of one codebook.
  //
  // Greedy: the largest logit, the first of equals. Otherwise softmax(logits / temperature), cut
  // down to the nucleus if top_p > 0 (tokens sorted by probability, those kept whose predecessors'
  // sum is at most top_p), else to the tokens at least as probable as the top_k-th if top_k > 0;
  // then the inverse of its distribution function, in token order, at `uniform`, which is on [0,
  // 1).
  //
  // INTERNAL: a logit is not finite. INVALID_ARGUMENT: temperature below 0 or not a number.
  absl::StatusOr<int32_t> Draw(absl::Span<const float> logits, const SamplingOptions& options,
                               double uniform);

  // All codebooks: `logits` is [codebooks][card]; codebook k's random number is the one of frame
  // `frame` - k, so it doesn't depend on the step or the window the token is drawn in.
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

#endif  // VIDMUSE_MODEL_SAMPLER_H_
