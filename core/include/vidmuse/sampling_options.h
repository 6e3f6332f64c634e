// How tokens are drawn from the model's logits.
#ifndef VIDMUSE_SAMPLING_OPTIONS_H_
#define VIDMUSE_SAMPLING_OPTIONS_H_

#include <cstdint>

namespace vidmuse {

// How the next token is drawn from the guided logits, per codebook.
struct SamplingOptions {
  bool greedy = false;       // argmax; of the other options only cfg_coef counts
  float temperature = 1.0f;  // > 0; 0 means greedy
  int top_k = 250;           // 0: all tokens. Ties with the k-th token are kept.
  float top_p = 0.0f;        // > 0: nucleus sampling instead of top_k
  float cfg_coef = 3.0f;     // logits = null + (cond - null) * cfg_coef
  uint64_t seed = 0;

  bool IsGreedy() const { return greedy || temperature == 0.0f; }
};

}  // namespace vidmuse

#endif  // VIDMUSE_SAMPLING_OPTIONS_H_
