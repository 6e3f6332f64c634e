// Clips whose rows are pooled, and how often each clip of them counts.
#ifndef VIDMUSE_EVALUATE_CLIP_COUNTS_H_
#define VIDMUSE_EVALUATE_CLIP_COUNTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

struct PooledClips {
  FeatureMatrix rows;          // of all clips, in order
  std::vector<int64_t> sizes;  // rows of each clip
};

// INVALID_ARGUMENT: there are no clips, one has no rows, or their numbers of columns differ.
absl::StatusOr<PooledClips> PoolClips(absl::Span<const FeatureMatrix> clips);

// Returns the number of rows where each clip counts as often as `counts` says. INVALID_ARGUMENT:
// the counts aren't as many as the clips, one is negative, or fewer than 2 rows are left.
absl::StatusOr<int64_t> CountRows(absl::Span<const int> counts, absl::Span<const int64_t> sizes);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CLIP_COUNTS_H_
