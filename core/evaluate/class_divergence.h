// Kullback and Leibler's divergence of the classes that a network hears in two paired clips.
#ifndef VIDMUSE_EVALUATE_CLASS_DIVERGENCE_H_
#define VIDMUSE_EVALUATE_CLASS_DIVERGENCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// What a clip's logits are turned into.
enum class ClassProbabilities {
  kSoftmax,  // one distribution over all classes
  kSigmoid,  // each class by itself: the terms are summed, but it isn't a divergence
};

struct ClassDivergence {
  std::vector<double> clips;  // each clip's own, in nats
  double mean = 0;
};

// Row i of both is a clip's logits [classes]. With probabilities p of the reference and q of the
// generated clip, each clip has
//
//   sum over classes of p (log p - log(q + 1e-6)),
//
// KL(reference || generated) as audioldm_eval computes it, the 1e-6 in this one place included
// (kullback_leibler_divergence_softmax and _sigmoid), in float64. For the other direction, which
// stable-audio-metrics reports, swap the arguments. INVALID_ARGUMENT: the shapes differ, there are
// no clips, or a value isn't finite.
absl::StatusOr<ClassDivergence> MeasureClassDivergence(const FeatureMatrix& reference,
                                                       const FeatureMatrix& generated,
                                                       ClassProbabilities probabilities);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CLASS_DIVERGENCE_H_
