#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/clip_counts.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/feature_tensors.h"
#include "core/evaluate/frechet.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr int64_t kMostBytes = int64_t{2} << 30;

Tensor ToTensor(std::vector<double>& values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble);
}

// A set's rows, less `origin`, which keeps the sums small beside the products.
struct ClipRows {
  Tensor rows;                 // [rows, columns]
  std::vector<int64_t> sizes;  // rows of each clip
};

// For sets with fewer rows than dimensions: all scalar products of rows.
class ByProducts final : public ResampledFrechet {
 public:
  ByProducts(const ClipRows& reference, const ClipRows& generated)
      : reference_sizes_(reference.sizes),
        generated_sizes_(generated.sizes),
        reference_(at::mm(reference.rows, reference.rows.t())),
        cross_(at::mm(reference.rows, generated.rows.t())),
        generated_(at::mm(generated.rows, generated.rows.t())) {}

  absl::StatusOr<double> Distance(absl::Span<const int> reference_counts,
                                  absl::Span<const int> generated_counts) const override {
    ASSIGN_OR_RETURN(const int64_t rows1, CountRows(reference_counts, reference_sizes_));
    ASSIGN_OR_RETURN(const int64_t rows2, CountRows(generated_counts, generated_sizes_));
    double distance = 0;
    RETURN_IF_ERROR(RunTorch([&] {
      distance = Compute(Weigh(reference_counts, reference_sizes_, rows1),
                         Weigh(generated_counts, generated_sizes_, rows2));
      return absl::OkStatus();
    }));
    return distance;
  }

 private:
  struct Drawn {
    Tensor numbers;  // of the distinct rows that were drawn
    Tensor shares;   // how often each was, divided by n
    double n = 0;    // rows, each as often as it was drawn
  };

  static Drawn Weigh(absl::Span<const int> counts, absl::Span<const int64_t> sizes, int64_t rows) {
    std::vector<int64_t> numbers;
    std::vector<double> shares;
    int64_t row = 0;
    for (size_t clip = 0; clip < counts.size(); ++clip) {
      for (int64_t i = 0; i < sizes[clip]; ++i, ++row) {
        if (counts[clip] == 0) continue;
        numbers.push_back(row);
        shares.push_back(counts[clip] / static_cast<double>(rows));
      }
    }
    return {.numbers = at::tensor(numbers, at::kLong),
            .shares = ToTensor(shares).clone(),
            .n = static_cast<double>(rows)};
  }

  double Compute(const Drawn& a, const Drawn& b) const {
    const auto [within1, length1] = Trace(reference_, a);
    const auto [within2, length2] = Trace(generated_, b);
    const Tensor products = cross_.index_select(0, a.numbers).index_select(1, b.numbers);
    const Tensor by_column = at::mv(products.t(), a.shares);  // m1 . y_j
    const Tensor by_row = at::mv(products, b.shares);         // x_i . m2
    const Tensor between = at::dot(by_row, a.shares);         // m1 . m2
    const Tensor centred = products - by_column.unsqueeze(0) - by_row.unsqueeze(1) + between;
    const Tensor cross = centred * (a.shares * (a.n / (a.n - 1))).sqrt().unsqueeze(1) *
                         (b.shares * (b.n / (b.n - 1))).sqrt().unsqueeze(0);
    return length1 + length2 - 2 * between.item<double>() + within1 + within2 -
           2 * at::linalg_svdvals(cross).sum().item<double>();
  }

  // Returns the covariance's trace and |m|^2.
  static std::pair<double, double> Trace(const Tensor& products, const Drawn& drawn) {
    const Tensor some = products.index_select(0, drawn.numbers).index_select(1, drawn.numbers);
    const double length = at::dot(at::mv(some, drawn.shares), drawn.shares).item<double>();
    const double squares = at::dot(some.diagonal(), drawn.shares).item<double>();
    return {(squares - length) * drawn.n / (drawn.n - 1), length};
  }

  const std::vector<int64_t> reference_sizes_;
  const std::vector<int64_t> generated_sizes_;
  const Tensor reference_;  // [reference rows, reference rows]
  const Tensor cross_;      // [reference rows, generated rows]
  const Tensor generated_;  // [generated rows, generated rows]
};

// For more rows than dimensions: each clip's sums of rows and of products of columns.
class BySums final : public ResampledFrechet {
 public:
  BySums(const ClipRows& reference, const ClipRows& generated)
      : upper_(at::triu_indices(reference.rows.size(1), reference.rows.size(1), 0)),
        reference_(Sum(reference)),
        generated_(Sum(generated)) {}

  absl::StatusOr<double> Distance(absl::Span<const int> reference_counts,
                                  absl::Span<const int> generated_counts) const override {
    ASSIGN_OR_RETURN(const int64_t rows1, CountRows(reference_counts, reference_.sizes));
    ASSIGN_OR_RETURN(const int64_t rows2, CountRows(generated_counts, generated_.sizes));
    double distance = 0;
    RETURN_IF_ERROR(RunTorch([&] {
      const auto [mean1, covariance1] = Moments(reference_, reference_counts, rows1);
      const auto [mean2, covariance2] = Moments(generated_, generated_counts, rows2);
      // With S1 = F F', the eigenvalues of S1 S2 are those of the symmetric F' S2 F.
      const auto [values, vectors] = at::linalg_eigh(covariance1);
      const Tensor factor = vectors * values.clamp_min(0).sqrt();
      const Tensor product = at::mm(factor.t(), at::mm(covariance2, factor));
      const Tensor roots = at::linalg_eigvalsh(product).clamp_min(0).sqrt();
      distance = ((mean1 - mean2).pow(2).sum() + covariance1.trace() + covariance2.trace() -
                  2 * roots.sum())
                     .item<double>();
      return absl::OkStatus();
    }));
    return distance;
  }

 private:
  struct Sums {
    std::vector<int64_t> sizes;
    Tensor rows;      // [clips, columns]
    Tensor products;  // [clips, columns * (columns + 1) / 2]: the upper triangle
  };

  Sums Sum(const ClipRows& set) const {
    Sums sums{.sizes = set.sizes, .rows = {}, .products = {}};
    const auto clips = static_cast<int64_t>(set.sizes.size());
    sums.rows = at::empty({clips, set.rows.size(1)}, at::kDouble);
    sums.products = at::empty({clips, upper_.size(1)}, at::kDouble);
    int64_t first = 0;
    for (int64_t clip = 0; clip < clips; ++clip) {
      const Tensor rows = set.rows.narrow(0, first, set.sizes[static_cast<size_t>(clip)]);
      first += rows.size(0);
      sums.rows[clip] = rows.sum(0);
      sums.products[clip] = at::mm(rows.t(), rows).index({upper_[0], upper_[1]});
    }
    return sums;
  }

  std::pair<Tensor, Tensor> Moments(const Sums& sums, absl::Span<const int> counts,
                                    int64_t rows) const {
    const auto n = static_cast<double>(rows);
    std::vector<double> weights(counts.begin(), counts.end());
    const Tensor mean = at::mv(sums.rows.t(), ToTensor(weights)) / n;
    const Tensor triangle = at::mv(sums.products.t(), ToTensor(weights));
    Tensor products = at::empty({mean.size(0), mean.size(0)}, at::kDouble);
    products.index_put_({upper_[0], upper_[1]}, triangle);
    products.index_put_({upper_[1], upper_[0]}, triangle);
    return {mean, (products - n * at::outer(mean, mean)) / (n - 1)};
  }

  const Tensor upper_;  // [2, columns * (columns + 1) / 2]: row and column of each product
  const Sums reference_;
  const Sums generated_;
};

absl::StatusOr<std::unique_ptr<const ResampledFrechet>> Choose(const ClipRows& reference,
                                                               const ClipRows& generated) {
  const int64_t columns = reference.rows.size(1);
  const int64_t rows1 = reference.rows.size(0), rows2 = generated.rows.size(0);
  const auto clips = static_cast<int64_t>(reference.sizes.size() + generated.sizes.size());
  constexpr int64_t kBytes = sizeof(double);
  const bool few_rows = std::min(rows1, rows2) < columns;
  const bool sums_fit = clips <= kMostBytes / kBytes / (columns * (columns + 1) / 2);
  if (sums_fit && !few_rows) return std::make_unique<BySums>(reference, generated);
  // Each number is at most 2^31 where features are in memory, so the squares don't overflow.
  if (rows1 * rows1 + rows1 * rows2 + rows2 * rows2 <= kMostBytes / kBytes) {
    return std::make_unique<ByProducts>(reference, generated);
  }
  if (sums_fit) return std::make_unique<BySums>(reference, generated);
  return absl::ResourceExhaustedError(absl::StrCat(rows1, " and ", rows2, " rows of ", columns,
                                                   " numbers are too many to resample"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ResampledFrechet>> ResampledFrechet::Create(
    absl::Span<const FeatureMatrix> reference, absl::Span<const FeatureMatrix> generated) {
  ASSIGN_OR_RETURN(const PooledClips pooled1, PoolClips(reference));
  ASSIGN_OR_RETURN(const PooledClips pooled2, PoolClips(generated));
  RETURN_IF_ERROR(CheckPair(pooled1.rows, pooled2.rows, 2));
  absl::StatusOr<std::unique_ptr<const ResampledFrechet>> resampled;
  RETURN_IF_ERROR(RunTorch([&] {
    Tensor rows1 = ToDouble(pooled1.rows), rows2 = ToDouble(pooled2.rows);
    const Tensor origin = (rows1.mean(0) + rows2.mean(0)) / 2;
    resampled = Choose({.rows = rows1.sub_(origin), .sizes = pooled1.sizes},
                       {.rows = rows2.sub_(origin), .sizes = pooled2.sizes});
    return resampled.status();
  }));
  return resampled;
}

}  // namespace vidmuse::evaluate
