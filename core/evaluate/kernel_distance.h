// The Kernel Audio Distance (Chung et al., "KAD: No More FAD!", 2025): 100 times the unbiased
// estimate of the squared maximum mean discrepancy of two sets of embeddings,
//
//   mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j) - 2 mean of k(x_i, y_j)
//
// with the kernel k(a, b) = exp(-|a - b|^2 / (2 s^2 + 1e-8)), in float64. It can be negative.
#ifndef VIDMUSE_EVALUATE_KERNEL_DISTANCE_H_
#define VIDMUSE_EVALUATE_KERNEL_DISTANCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// Whose median distance of two rows is the bandwidth s.
enum class Bandwidth {
  kReference,  // as the paper and kadtk's description have it
  kGenerated,  // as kadtk's code has it
};

// Returns the median of the distances between two different rows, of an even number the lower of
// the middle two, as torch.median does. Computes d N^2 products, in O(N) memory. INVALID_ARGUMENT:
// there are fewer than 2 rows, or values that aren't finite. See RunTorch for other errors.
absl::StatusOr<double> MedianDistance(const FeatureMatrix& features);

struct KernelDistance {
  double value = 0;
  double bandwidth = 0;
};

// Computes d (N + M)^2 products, in O(N + M) memory. INVALID_ARGUMENT: a set has fewer than 2 rows
// or values that aren't finite, the numbers of columns differ, or the bandwidth is 0, because most
// rows are equal. See RunTorch for other errors.
absl::StatusOr<KernelDistance> MeasureKernelDistance(const FeatureMatrix& reference,
                                                     const FeatureMatrix& generated,
                                                     Bandwidth bandwidth = Bandwidth::kReference);

// The same distance for many resamples of clips (bootstrap.h), with all rows of a drawn clip pooled
// and the whole sets' bandwidth. A pair of copies of the same row counts as a row and itself, which
// the unbiased estimate leaves out. Thread-safe.
class ResampledKernelDistance {
 public:
  // Each clip's rows, at least one a clip. RESOURCE_EXHAUSTED: there are more than 8000 clips.
  // Other errors are those of MeasureKernelDistance.
  static absl::StatusOr<std::unique_ptr<const ResampledKernelDistance>> Create(
      absl::Span<const FeatureMatrix> reference, absl::Span<const FeatureMatrix> generated,
      Bandwidth bandwidth = Bandwidth::kReference);
  virtual ~ResampledKernelDistance() = default;

  // How often each clip counts. INVALID_ARGUMENT: the counts are not those of all clips, are
  // negative, or leave fewer than 2 distinct rows.
  virtual absl::StatusOr<double> Distance(absl::Span<const int> reference_counts,
                                          absl::Span<const int> generated_counts) const = 0;
};

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_KERNEL_DISTANCE_H_
