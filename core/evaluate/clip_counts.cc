#include "core/evaluate/clip_counts.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"

namespace vidmuse::evaluate {

absl::StatusOr<PooledClips> PoolClips(absl::Span<const FeatureMatrix> clips) {
  PooledClips pooled;
  for (const FeatureMatrix& clip : clips) {
    if (clip.rows < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("clip ", pooled.sizes.size(), " has no features"));
    }
    pooled.sizes.push_back(clip.rows);
  }
  ASSIGN_OR_RETURN(pooled.rows, PoolRows(clips));
  return pooled;
}

absl::StatusOr<int64_t> CountRows(absl::Span<const int> counts, absl::Span<const int64_t> sizes) {
  if (counts.size() != sizes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(counts.size(), " counts for ", sizes.size(), " clips"));
  }
  int64_t rows = 0;
  for (size_t clip = 0; clip < counts.size(); ++clip) {
    if (counts[clip] < 0) return absl::InvalidArgumentError("a clip counts less than 0 times");
    rows += counts[clip] * sizes[clip];
  }
  if (rows < 2) return absl::InvalidArgumentError(absl::StrCat(rows, " rows are too few"));
  return rows;
}

}  // namespace vidmuse::evaluate
