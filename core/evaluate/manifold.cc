#include "core/evaluate/manifold.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/feature_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr int64_t kBlock = 256;  // rows whose distances are held at a time

// [a's rows, b's rows], from the differences of numbers: equal rows are at a distance of exactly 0,
// and equal distances are equal, which strict comparisons need.
Tensor Distances(const Tensor& a, const Tensor& b) {
  constexpr int64_t kWithoutProducts = 2;
  return at::cdist(a, b, 2.0, kWithoutProducts);
}

// Each row's distance to its k-th nearest other row: [rows]
Tensor Radii(const Tensor& rows, int k) {
  std::vector<Tensor> radii;
  for (int64_t first = 0; first < rows.size(0); first += kBlock) {
    const Tensor some = rows.narrow(0, first, std::min(kBlock, rows.size(0) - first));
    // The row itself is among the k + 1 nearest.
    radii.push_back(
        std::get<0>(Distances(some, rows).topk(k + 1, 1, /*largest=*/false)).select(1, k));
  }
  return at::cat(radii);
}

std::vector<double> ToVector(const Tensor& values) {
  const Tensor plain = values.to(at::kDouble).contiguous();
  const double* data = plain.const_data_ptr<double>();
  return {data, data + plain.numel()};
}

double Mean(const std::vector<double>& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0) / static_cast<double>(parts.size());
}

ManifoldMeasures Measure(const Tensor& reference, const Tensor& generated, int k) {
  const Tensor reference_radii = Radii(reference, k);
  const Tensor generated_radii = Radii(generated, k);
  Tensor neighbours = at::zeros({generated.size(0)}, at::kLong);  // reference rows that hold each
  std::vector<Tensor> recall, coverage;
  for (int64_t first = 0; first < reference.size(0); first += kBlock) {
    const int64_t size = std::min(kBlock, reference.size(0) - first);
    const Tensor distances = Distances(reference.narrow(0, first, size), generated);
    const Tensor inside = distances < reference_radii.narrow(0, first, size).unsqueeze(1);
    neighbours += inside.sum(0);
    coverage.push_back(inside.any(1));
    recall.push_back((distances < generated_radii.unsqueeze(0)).any(1));
  }
  ManifoldMeasures measures;
  measures.precision_parts = ToVector(neighbours > 0);
  measures.density_parts = ToVector(neighbours.to(at::kDouble) / k);
  measures.recall_parts = ToVector(at::cat(recall));
  measures.coverage_parts = ToVector(at::cat(coverage));
  measures.precision = Mean(measures.precision_parts);
  measures.density = Mean(measures.density_parts);
  measures.recall = Mean(measures.recall_parts);
  measures.coverage = Mean(measures.coverage_parts);
  return measures;
}

}  // namespace

absl::StatusOr<ManifoldMeasures> MeasureManifolds(const FeatureMatrix& reference,
                                                  const FeatureMatrix& generated, int k) {
  if (k < 1) return absl::InvalidArgumentError(absl::StrCat("k is ", k, ": must be at least 1"));
  RETURN_IF_ERROR(CheckPair(reference, generated, int64_t{k} + 1));
  ManifoldMeasures measures;
  RETURN_IF_ERROR(RunTorch([&] {
    measures = Measure(ToDouble(reference), ToDouble(generated), k);
    return absl::OkStatus();
  }));
  return measures;
}

}  // namespace vidmuse::evaluate
