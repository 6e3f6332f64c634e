#include "core/evaluate/kernel_distance.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/clip_counts.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/feature_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr int64_t kBlock = 256;  // rows whose distances are held at a time
constexpr double kScale = 100;

// Gives `visit` the squared distances of a block of a's rows to all of b's, and the block's first
// row. Blocks are the same each time, and so are their distances.
void VisitDistances(const Tensor& a, const Tensor& b,
                    absl::FunctionRef<void(const Tensor& squares, int64_t first)> visit) {
  const Tensor b_lengths = b.pow(2).sum(1);
  for (int64_t first = 0; first < a.size(0); first += kBlock) {
    const Tensor some = a.narrow(0, first, std::min(kBlock, a.size(0) - first));
    const Tensor lengths = some.pow(2).sum(1).unsqueeze(1) + b_lengths.unsqueeze(0);
    visit(at::addmm(lengths, some, b.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(0), first);
  }
}

// The median of the squared distances is found digit by digit, because they are too many to hold: a
// digit is 16 bits of a number that isn't negative, whose bits as an integer have the same order.
double MedianSquare(const Tensor& rows) {
  constexpr int kDigitBits = 16;
  constexpr uint64_t kDigits = 1 << kDigitBits;
  const int64_t pairs = rows.size(0) * (rows.size(0) - 1) / 2;
  int64_t rank = (pairs - 1) / 2;
  uint64_t prefix = 0;
  for (int shift = 64 - kDigitBits; shift >= 0; shift -= kDigitBits) {
    std::vector<int64_t> counts(kDigits);
    VisitDistances(rows, rows, [&](const Tensor& squares, int64_t first) {
      for (int64_t i = 0; i < squares.size(0); ++i) {
        const double* row = squares[i].const_data_ptr<double>();
        for (int64_t j = first + i + 1; j < squares.size(1); ++j) {
          const auto bits = std::bit_cast<uint64_t>(row[j]);
          // In the first pass there is no prefix, and a shift by 64 is undefined.
          if ((bits ^ prefix) >> (shift + kDigitBits - 1) >> 1 != 0) continue;
          ++counts[bits >> shift & (kDigits - 1)];
        }
      }
    });
    uint64_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    prefix |= digit << shift;
  }
  return std::bit_cast<double>(prefix);
}

// The factor of squared distances in the kernel's exponent.
double Exponent(double bandwidth) { return -1 / (2 * bandwidth * bandwidth + 1e-8); }

// Sum over all pairs of rows, those of a row and itself left out if `same`.
double KernelSum(const Tensor& a, const Tensor& b, double exponent, bool same) {
  double sum = 0;
  VisitDistances(a, b, [&](const Tensor& squares, int64_t first) {
    const Tensor kernel = squares.mul(exponent).exp_();
    sum += kernel.sum().item<double>();
    if (same) sum -= kernel.diagonal(first).sum().item<double>();
  });
  return sum;
}

double Pairs(const Tensor& rows) {
  return static_cast<double>(rows.size(0)) * static_cast<double>(rows.size(0) - 1);
}

// Rows of both sets, less the reference's mean, which keeps lengths small beside distances.
std::pair<Tensor, Tensor> Centre(const FeatureMatrix& reference, const FeatureMatrix& generated) {
  Tensor x = ToDouble(reference), y = ToDouble(generated);
  const Tensor origin = x.mean(0);
  return {x.sub_(origin), y.sub_(origin)};
}

absl::StatusOr<double> FindBandwidth(const Tensor& reference, const Tensor& generated,
                                     Bandwidth choice) {
  const double bandwidth =
      std::sqrt(MedianSquare(choice == Bandwidth::kReference ? reference : generated));
  if (bandwidth > 0) return bandwidth;
  return absl::InvalidArgumentError("the median distance of two rows is 0: most rows are equal");
}

// The number of each row's clip: [rows]
Tensor ClipOfRows(const std::vector<int64_t>& sizes) {
  return at::repeat_interleave(at::tensor(sizes, at::kLong));
}

// Sums of the kernel over the rows of each pair of clips: [a's clips, b's clips]
Tensor ClipSums(const Tensor& a, const std::vector<int64_t>& a_sizes, const Tensor& b,
                const std::vector<int64_t>& b_sizes, double exponent, bool same) {
  const Tensor a_clips = ClipOfRows(a_sizes), b_clips = ClipOfRows(b_sizes);
  const auto b_count = static_cast<int64_t>(b_sizes.size());
  Tensor sums = at::zeros({static_cast<int64_t>(a_sizes.size()), b_count}, at::kDouble);
  VisitDistances(a, b, [&](const Tensor& squares, int64_t first) {
    Tensor kernel = squares.mul(exponent).exp_();
    if (same) kernel.diagonal(first).zero_();
    // Rows of b come first here, so that whole rows are added.
    Tensor by_clip = at::zeros({b_count, kernel.size(0)}, at::kDouble);
    by_clip.index_add_(0, b_clips, kernel.t().contiguous());
    sums.index_add_(0, a_clips.narrow(0, first, kernel.size(0)), by_clip.t().contiguous());
  });
  return sums;
}

class Resampled final : public ResampledKernelDistance {
 public:
  Resampled(const Tensor& x, std::vector<int64_t> x_sizes, const Tensor& y,
            std::vector<int64_t> y_sizes, double exponent)
      : reference_sizes_(std::move(x_sizes)),
        generated_sizes_(std::move(y_sizes)),
        reference_(ClipSums(x, reference_sizes_, x, reference_sizes_, exponent, true)),
        generated_(ClipSums(y, generated_sizes_, y, generated_sizes_, exponent, true)),
        cross_(ClipSums(x, reference_sizes_, y, generated_sizes_, exponent, false)) {}

  absl::StatusOr<double> Distance(absl::Span<const int> reference_counts,
                                  absl::Span<const int> generated_counts) const override {
    ASSIGN_OR_RETURN(const int64_t rows1, CountRows(reference_counts, reference_sizes_));
    ASSIGN_OR_RETURN(const int64_t rows2, CountRows(generated_counts, generated_sizes_));
    const double pairs1 = DistinctPairs(reference_counts, reference_sizes_, rows1);
    const double pairs2 = DistinctPairs(generated_counts, generated_sizes_, rows2);
    if (pairs1 == 0 || pairs2 == 0) {
      return absl::InvalidArgumentError("fewer than 2 distinct rows are left");
    }
    double distance = 0;
    RETURN_IF_ERROR(RunTorch([&] {
      std::vector<double> counts1(reference_counts.begin(), reference_counts.end());
      std::vector<double> counts2(generated_counts.begin(), generated_counts.end());
      distance = Sum(counts1, reference_, counts1) / pairs1 +
                 Sum(counts2, generated_, counts2) / pairs2 -
                 2 * Sum(counts1, cross_, counts2) /
                     (static_cast<double>(rows1) * static_cast<double>(rows2));
      return absl::OkStatus();
    }));
    return kScale * distance;
  }

 private:
  static double Sum(std::vector<double>& a, const Tensor& sums, std::vector<double>& b) {
    const auto tensor = [](std::vector<double>& v) {
      return at::from_blob(v.data(), {static_cast<int64_t>(v.size())}, at::kDouble);
    };
    return at::dot(tensor(a), at::mv(sums, tensor(b))).item<double>();
  }

  // Ordered pairs of rows that aren't copies of one row.
  static double DistinctPairs(absl::Span<const int> counts, absl::Span<const int64_t> sizes,
                              int64_t rows) {
    double pairs = static_cast<double>(rows) * static_cast<double>(rows);
    for (size_t clip = 0; clip < counts.size(); ++clip) {
      pairs -= static_cast<double>(counts[clip]) * counts[clip] * static_cast<double>(sizes[clip]);
    }
    return pairs;
  }

  const std::vector<int64_t> reference_sizes_;
  const std::vector<int64_t> generated_sizes_;
  const Tensor reference_;  // [reference clips, reference clips]
  const Tensor generated_;  // [generated clips, generated clips]
  const Tensor cross_;      // [reference clips, generated clips]
};

}  // namespace

absl::StatusOr<double> MedianDistance(const FeatureMatrix& features) {
  RETURN_IF_ERROR(CheckFeatures(features, 2, "the"));
  double median = 0;
  RETURN_IF_ERROR(RunTorch([&] {
    const Tensor rows = ToDouble(features);
    median = std::sqrt(MedianSquare(rows - rows.mean(0)));
    return absl::OkStatus();
  }));
  return median;
}

absl::StatusOr<KernelDistance> MeasureKernelDistance(const FeatureMatrix& reference,
                                                     const FeatureMatrix& generated,
                                                     Bandwidth bandwidth) {
  RETURN_IF_ERROR(CheckPair(reference, generated, 2));
  KernelDistance result;
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    const auto [x, y] = Centre(reference, generated);
    ASSIGN_OR_RETURN(result.bandwidth, FindBandwidth(x, y, bandwidth));
    const double exponent = Exponent(result.bandwidth);
    result.value = kScale * (KernelSum(x, x, exponent, true) / Pairs(x) +
                             KernelSum(y, y, exponent, true) / Pairs(y) -
                             2 * KernelSum(x, y, exponent, false) / static_cast<double>(x.size(0)) /
                                 static_cast<double>(y.size(0)));
    return absl::OkStatus();
  }));
  return result;
}

absl::StatusOr<std::unique_ptr<const ResampledKernelDistance>> ResampledKernelDistance::Create(
    absl::Span<const FeatureMatrix> reference, absl::Span<const FeatureMatrix> generated,
    Bandwidth bandwidth) {
  constexpr size_t kMostClips = 8000;  // at which the sums take 1.5 GB
  if (std::max(reference.size(), generated.size()) > kMostClips) {
    return absl::ResourceExhaustedError(absl::StrCat(std::max(reference.size(), generated.size()),
                                                     " clips are too many: at most ", kMostClips,
                                                     " can be resampled"));
  }
  ASSIGN_OR_RETURN(PooledClips pooled1, PoolClips(reference));
  ASSIGN_OR_RETURN(PooledClips pooled2, PoolClips(generated));
  RETURN_IF_ERROR(CheckPair(pooled1.rows, pooled2.rows, 2));
  std::unique_ptr<const ResampledKernelDistance> resampled;
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    const auto [x, y] = Centre(pooled1.rows, pooled2.rows);
    ASSIGN_OR_RETURN(const double found, FindBandwidth(x, y, bandwidth));
    resampled = std::make_unique<Resampled>(x, std::move(pooled1.sizes), y,
                                            std::move(pooled2.sizes), Exponent(found));
    return absl::OkStatus();
  }));
  return resampled;
}

}  // namespace vidmuse::evaluate
