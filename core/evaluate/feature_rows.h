// Checks feature matrices, and picks and joins their rows.
#ifndef VIDMUSE_EVALUATE_FEATURE_ROWS_H_
#define VIDMUSE_EVALUATE_FEATURE_ROWS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// INVALID_ARGUMENT, with `name` for the matrix, unless it has at least `least_rows` rows and one
// column, as many values as its shape says, and only finite ones.
absl::Status CheckFeatures(const FeatureMatrix& features, int64_t least_rows,
                           absl::string_view name);

// Checks both matrices, and that they have equally many columns.
absl::Status CheckPair(const FeatureMatrix& reference, const FeatureMatrix& generated,
                       int64_t least_rows);

// Checks both matrices, and that they have the same shape: row i of one belongs to row i of the
// other.
absl::Status CheckPairedRows(const FeatureMatrix& first, const FeatureMatrix& second);

// The rows of all clips below each other: [sum of rows, columns]. INVALID_ARGUMENT: there are no
// clips, or their numbers of columns differ.
absl::StatusOr<FeatureMatrix> PoolRows(absl::Span<const FeatureMatrix> clips);

// The rows with these numbers, in this order. Each number must be in [0, features.rows).
FeatureMatrix SelectRows(const FeatureMatrix& features, absl::Span<const int64_t> numbers);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FEATURE_ROWS_H_
