#include "core/evaluate/frechet.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/feature_tensors.h"
#include "core/evaluate/random_index.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

// What the distance needs of a set.
struct Gaussian {
  Tensor mean;          // [columns]
  Tensor factor;        // [at most columns, columns]: factor' factor is the covariance
  double variance = 0;  // the covariance's trace
};

// `rows`: [at least 2, columns]
Gaussian FitGaussian(const Tensor& rows) {
  Gaussian fit;
  fit.mean = rows.mean(0);
  fit.factor = (rows - fit.mean) / std::sqrt(static_cast<double>(rows.size(0) - 1));
  fit.variance = fit.factor.pow(2).sum().item<double>();
  // R of A = QR has the products A'A = R'R, and fewer rows than a tall A.
  if (rows.size(0) > rows.size(1)) fit.factor = std::get<1>(at::linalg_qr(fit.factor, "r"));
  return fit;
}

double Distance(const Gaussian& a, const Gaussian& b) {
  const Tensor cross = at::mm(a.factor, b.factor.t());
  const double distance = (a.mean - b.mean).pow(2).sum().item<double>() + a.variance + b.variance -
                          2 * at::linalg_svdvals(cross).sum().item<double>();
  return std::max(0.0, distance);  // of equal sets, rounding could make it negative
}

absl::Status CheckOptions(const FeatureMatrix& generated, const ExtrapolationOptions& options) {
  if (options.sizes < 3 || options.sizes > 1000) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.sizes, " sizes: must be from 3 to 1000"));
  }
  if (options.least_rows < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("the smallest size is ", options.least_rows, " rows: must be at least 2"));
  }
  if (generated.rows <= options.least_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat(generated.rows, " generated rows are too few to extrapolate; more than ",
                     options.least_rows, " are needed"));
  }
  return absl::OkStatus();
}

// Draws `size` rows with replacement.
Tensor DrawRows(const Tensor& rows, int64_t size, uint64_t seed, uint32_t stream) {
  std::vector<int64_t> numbers(static_cast<size_t>(size));
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = RandomIndex(seed, stream, i, rows.size(0));
  }
  return rows.index_select(0, at::from_blob(numbers.data(), {size}, at::kLong));
}

// Least squares of distance = slope / rows + value.
void FitLine(ExtrapolatedDistance& result) {
  const auto count = static_cast<double>(result.points.size());
  double mean_x = 0, mean_y = 0;
  for (const SizedDistance& point : result.points) {
    mean_x += 1 / static_cast<double>(point.rows) / count;
    mean_y += point.distance / count;
  }
  double xx = 0, xy = 0, yy = 0;
  for (const SizedDistance& point : result.points) {
    const double x = 1 / static_cast<double>(point.rows) - mean_x;
    const double y = point.distance - mean_y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  result.slope = xy / xx;
  result.value = mean_y - result.slope * mean_x;
  // Equal distances lie on a line.
  result.r_squared = yy > 0 ? xy * xy / (xx * yy) : 1;
}

}  // namespace

absl::StatusOr<double> FrechetDistance(const FeatureMatrix& reference,
                                       const FeatureMatrix& generated) {
  RETURN_IF_ERROR(CheckPair(reference, generated, 2));
  double distance = 0;
  RETURN_IF_ERROR(RunTorch([&] {
    distance = Distance(FitGaussian(ToDouble(reference)), FitGaussian(ToDouble(generated)));
    return absl::OkStatus();
  }));
  return distance;
}

absl::StatusOr<ExtrapolatedDistance> ExtrapolateFrechetDistance(
    const FeatureMatrix& reference, const FeatureMatrix& generated,
    const ExtrapolationOptions& options) {
  RETURN_IF_ERROR(CheckPair(reference, generated, 2));
  RETURN_IF_ERROR(CheckOptions(generated, options));
  ExtrapolatedDistance result;
  RETURN_IF_ERROR(RunTorch([&] {
    const Gaussian of_reference = FitGaussian(ToDouble(reference));
    const Tensor rows = ToDouble(generated);
    const double step =
        static_cast<double>(generated.rows - options.least_rows) / (options.sizes - 1);
    for (int i = 0; i < options.sizes; ++i) {
      const int64_t size =
          i + 1 == options.sizes
              ? generated.rows
              : static_cast<int64_t>(static_cast<double>(options.least_rows) + i * step);
      const Gaussian drawn =
          FitGaussian(DrawRows(rows, size, options.seed, static_cast<uint32_t>(i)));
      result.points.push_back({.rows = size, .distance = Distance(of_reference, drawn)});
    }
    return absl::OkStatus();
  }));
  FitLine(result);
  return result;
}

}  // namespace vidmuse::evaluate
