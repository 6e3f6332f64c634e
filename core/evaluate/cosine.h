// Cosines of paired embeddings: ImageBind's score of a sound and a picture.
#ifndef VIDMUSE_EVALUATE_COSINE_H_
#define VIDMUSE_EVALUATE_COSINE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

struct PairedCosines {
  std::vector<double> pairs;  // of row i of both
  double mean = 0;            // the score
};

// a . b / (max(|a|, 1e-6) max(|b|, 1e-6)) of paired rows, in float64, as
// torch.nn.functional.cosine_similarity(a, b, eps=1e-6), which published scores use.
// INVALID_ARGUMENT: the shapes differ, there are no rows, or a value isn't finite.
absl::StatusOr<PairedCosines> MeasureCosines(const FeatureMatrix& sounds,
                                             const FeatureMatrix& pictures);

// The same for windows of one clip: `pairs` is the curve over time. The longer of the two ends with
// the shorter.
absl::StatusOr<PairedCosines> MeasureCosineCurve(const FeatureMatrix& sound_windows,
                                                 const FeatureMatrix& picture_windows);

// The mean cosine of each row with those of all other pairs: what music for another video scores.
// `pairs` are each sound's own. INVALID_ARGUMENT as well: there are fewer than 2 rows.
absl::StatusOr<PairedCosines> MeasureMismatchedCosines(const FeatureMatrix& sounds,
                                                       const FeatureMatrix& pictures);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_COSINE_H_
