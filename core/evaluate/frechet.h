// The Frechet distance of two sets of embeddings, each taken for a normal distribution: FD on
// CNN14's embeddings of clips, FAD on VGGish's embeddings of windows (Kilgour et al., "Frechet
// Audio Distance", 2019).
//
//   |m1 - m2|^2 + Tr(S1) + Tr(S2) - 2 Tr((S1 S2)^(1/2))
//
// with means m and covariances S, the latter divided by n - 1 as numpy.cov does, in float64. With
// S1 = A'A and S2 = B'B, Tr((S1 S2)^(1/2)) is the sum of the singular values of A B', which also
// are the square roots of S1 S2's eigenvalues. So no square root of a matrix is computed: the
// published programs compute one by scipy.linalg.sqrtm, which is inaccurate, or not finite, where a
// set has fewer rows than dimensions.
#ifndef VIDMUSE_EVALUATE_FRECHET_H_
#define VIDMUSE_EVALUATE_FRECHET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// INVALID_ARGUMENT: a set has fewer than 2 rows or values that aren't finite, or the numbers of
// columns differ. See RunTorch for other errors.
absl::StatusOr<double> FrechetDistance(const FeatureMatrix& reference,
                                       const FeatureMatrix& generated);

struct ExtrapolationOptions {
  int sizes = 25;            // from 3 to 1000
  int64_t least_rows = 500;  // the smallest size, at least 2
  uint64_t seed = 0;
};

struct SizedDistance {
  int64_t rows = 0;
  double distance = 0;
};

struct ExtrapolatedDistance {
  double value = 0;      // for infinitely many rows
  double slope = 0;      // over 1 / rows
  double r_squared = 0;  // of the line: how far the value can be trusted
  std::vector<SizedDistance> points;
};

// The distance that infinitely many generated rows would have (Gui et al., "Adapting Frechet Audio
// Distance for Generative Music Evaluation", 2023), as fadtk computes it: sizes n from
// linspace(least_rows, generated.rows, sizes), each with n rows of `generated` drawn with
// replacement, a straight line through the distances over 1 / n, and its value at 0.
// INVALID_ARGUMENT as well: `generated` has no more than least_rows rows.
absl::StatusOr<ExtrapolatedDistance> ExtrapolateFrechetDistance(
    const FeatureMatrix& reference, const FeatureMatrix& generated,
    const ExtrapolationOptions& options);

// The same distance for many resamples of clips (bootstrap.h), with all rows of a drawn clip
// pooled. What doesn't depend on the resample is computed once: if a set has fewer rows than
// dimensions, all scalar products of rows, else each clip's sums of rows and of their products.
// Thread-safe.
class ResampledFrechet {
 public:
  // Each clip's rows, at least one a clip. RESOURCE_EXHAUSTED: the sums would take more than 2 GiB.
  // Other errors are those of FrechetDistance.
  static absl::StatusOr<std::unique_ptr<const ResampledFrechet>> Create(
      absl::Span<const FeatureMatrix> reference, absl::Span<const FeatureMatrix> generated);
  virtual ~ResampledFrechet() = default;

  // How often each clip counts. INVALID_ARGUMENT: the counts are not those of all clips, are
  // negative, or leave fewer than 2 rows.
  virtual absl::StatusOr<double> Distance(absl::Span<const int> reference_counts,
                                          absl::Span<const int> generated_counts) const = 0;
};

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FRECHET_H_
