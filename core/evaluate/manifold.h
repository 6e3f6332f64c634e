// How well a generated set covers a reference set, by neighbourhoods of their embeddings: precision
// and recall (Kynkaanniemi et al., 2019), density and coverage (Naeem et al., "Reliable Fidelity
// and Diversity Metrics for Generative Models", 2020), as the authors' package prdc computes them.
#ifndef VIDMUSE_EVALUATE_MANIFOLD_H_
#define VIDMUSE_EVALUATE_MANIFOLD_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// With r_i the distance from a set's row i to its k-th nearest other row of the same set, each
// measure is the mean of a part for each row:
struct ManifoldMeasures {
  double precision = 0;  // over generated y: is d(x_i, y) < r_i for some reference x_i?
  double recall = 0;     // over reference x: is d(x, y_j) < r_j for some generated y_j?
  double density = 0;    // over generated y: number of x_i with d(x_i, y) < r_i, divided by k
  double coverage = 0;   // over reference x_i: is d(x_i, y) < r_i for some generated y?
  // The parts. For an interval, resample these (BootstrapMean): neighbourhoods of a resampled set
  // would shrink, because a row drawn twice is its own neighbour.
  std::vector<double> precision_parts;  // [generated.rows]
  std::vector<double> recall_parts;     // [reference.rows]
  std::vector<double> density_parts;    // [generated.rows]
  std::vector<double> coverage_parts;   // [reference.rows]
};

// Euclidean distances in float64, strict comparisons, the row itself excluded. INVALID_ARGUMENT: k
// is below 1, a set has no more than k rows, values aren't finite, or the numbers of columns
// differ. See RunTorch for other errors. Takes O(reference.rows + generated.rows) memory beside the
// features.
absl::StatusOr<ManifoldMeasures> MeasureManifolds(const FeatureMatrix& reference,
                                                  const FeatureMatrix& generated, int k = 5);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_MANIFOLD_H_
