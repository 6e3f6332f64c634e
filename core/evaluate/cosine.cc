#include "core/evaluate/cosine.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"

namespace vidmuse::evaluate {
namespace {

double Dot(absl::Span<const double> a, absl::Span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Rows of length 1, or shorter if they are shorter than 1e-6.
std::vector<double> Normalise(const FeatureMatrix& features) {
  constexpr double kShortest = 1e-6;
  std::vector<double> rows(features.values.begin(), features.values.end());
  const auto columns = static_cast<size_t>(features.columns);
  for (size_t first = 0; first < rows.size(); first += columns) {
    const absl::Span<double> row(&rows[first], columns);
    const double length = std::max(std::sqrt(Dot(row, row)), kShortest);
    for (double& value : row) value /= length;
  }
  return rows;
}

FeatureMatrix FirstRows(const FeatureMatrix& features, int64_t rows) {
  std::vector<int64_t> numbers(static_cast<size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), 0);
  return SelectRows(features, numbers);
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

absl::StatusOr<PairedCosines> MeasureCosines(const FeatureMatrix& sounds,
                                             const FeatureMatrix& pictures) {
  RETURN_IF_ERROR(CheckPairedRows(sounds, pictures));
  const std::vector<double> a = Normalise(sounds), b = Normalise(pictures);
  const auto columns = static_cast<size_t>(sounds.columns);
  PairedCosines cosines;
  for (size_t first = 0; first < a.size(); first += columns) {
    cosines.pairs.push_back(Dot({&a[first], columns}, {&b[first], columns}));
  }
  cosines.mean = Mean(cosines.pairs);
  return cosines;
}

absl::StatusOr<PairedCosines> MeasureCosineCurve(const FeatureMatrix& sound_windows,
                                                 const FeatureMatrix& picture_windows) {
  RETURN_IF_ERROR(CheckPair(sound_windows, picture_windows, 1));
  const int64_t rows = std::min(sound_windows.rows, picture_windows.rows);
  return MeasureCosines(FirstRows(sound_windows, rows), FirstRows(picture_windows, rows));
}

absl::StatusOr<PairedCosines> MeasureMismatchedCosines(const FeatureMatrix& sounds,
                                                       const FeatureMatrix& pictures) {
  RETURN_IF_ERROR(CheckPairedRows(sounds, pictures));
  if (sounds.rows < 2) return absl::InvalidArgumentError("one pair can't be mismatched");
  const std::vector<double> a = Normalise(sounds), b = Normalise(pictures);
  const auto columns = static_cast<size_t>(sounds.columns);
  std::vector<double> sum(columns);  // of all pictures
  for (size_t i = 0; i < b.size(); ++i) sum[i % columns] += b[i];
  PairedCosines cosines;
  for (size_t first = 0; first < a.size(); first += columns) {
    const absl::Span<const double> sound(&a[first], columns);
    const double others = Dot(sound, sum) - Dot(sound, {&b[first], columns});
    cosines.pairs.push_back(others / static_cast<double>(sounds.rows - 1));
  }
  cosines.mean = Mean(cosines.pairs);
  return cosines;
}

}  // namespace vidmuse::evaluate
