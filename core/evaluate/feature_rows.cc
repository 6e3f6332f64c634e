#include "core/evaluate/feature_rows.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse::evaluate {

absl::Status CheckFeatures(const FeatureMatrix& features, int64_t least_rows,
                           absl::string_view name) {
  if (features.rows < least_rows || features.columns < 1) {
    return absl::InvalidArgumentError(absl::StrCat(name, " features: ", features.rows, " rows of ",
                                                   features.columns, " numbers; at least ",
                                                   least_rows, " rows are needed"));
  }
  if (static_cast<int64_t>(features.values.size()) / features.columns != features.rows ||
      static_cast<int64_t>(features.values.size()) % features.columns != 0) {
    return absl::InvalidArgumentError(absl::StrCat(name, " features: ", features.values.size(),
                                                   " values for ", features.rows, " rows of ",
                                                   features.columns));
  }
  for (size_t i = 0; i < features.values.size(); ++i) {
    if (std::isfinite(features.values[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(name, " features: row ", i / features.columns,
                                                   " has a value that isn't finite"));
  }
  return absl::OkStatus();
}

absl::Status CheckPair(const FeatureMatrix& reference, const FeatureMatrix& generated,
                       int64_t least_rows) {
  RETURN_IF_ERROR(CheckFeatures(reference, least_rows, "reference"));
  RETURN_IF_ERROR(CheckFeatures(generated, least_rows, "generated"));
  if (reference.columns != generated.columns) {
    return absl::InvalidArgumentError(absl::StrCat("reference features have ", reference.columns,
                                                   " columns, generated ones ", generated.columns));
  }
  return absl::OkStatus();
}

absl::Status CheckPairedRows(const FeatureMatrix& first, const FeatureMatrix& second) {
  RETURN_IF_ERROR(CheckFeatures(first, 1, "first"));
  RETURN_IF_ERROR(CheckFeatures(second, 1, "second"));
  if (first.columns != second.columns || first.rows != second.rows) {
    return absl::InvalidArgumentError(absl::StrCat("paired features differ in shape: ", first.rows,
                                                   " rows of ", first.columns, " and ", second.rows,
                                                   " rows of ", second.columns));
  }
  return absl::OkStatus();
}

absl::StatusOr<FeatureMatrix> PoolRows(absl::Span<const FeatureMatrix> clips) {
  if (clips.empty()) return absl::InvalidArgumentError("no clips to pool");
  FeatureMatrix pooled;
  pooled.columns = clips.front().columns;
  for (const FeatureMatrix& clip : clips) {
    if (clip.columns != pooled.columns) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a clip has features of ", clip.columns, " columns, the first one of ", pooled.columns));
    }
    pooled.rows += clip.rows;
    pooled.values.insert(pooled.values.end(), clip.values.begin(), clip.values.end());
  }
  return pooled;
}

FeatureMatrix SelectRows(const FeatureMatrix& features, absl::Span<const int64_t> numbers) {
  FeatureMatrix selected;
  selected.rows = static_cast<int64_t>(numbers.size());
  selected.columns = features.columns;
  selected.values.reserve(numbers.size() * static_cast<size_t>(features.columns));
  for (const int64_t number : numbers) {
    const auto row = features.values.begin() + number * features.columns;
    selected.values.insert(selected.values.end(), row, row + features.columns);
  }
  return selected;
}

}  // namespace vidmuse::evaluate
