// Bootstrap intervals over clips (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).
//
// A resample draws as many clips as there are, with replacement. It is told as counts: how often
// each clip was drawn. Means, set measures and differences of two sets are all functions of counts,
// so that a difference uses the same clips on both sides.
#ifndef VIDMUSE_EVALUATE_BOOTSTRAP_H_
#define VIDMUSE_EVALUATE_BOOTSTRAP_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

struct BootstrapOptions {
  int resamples = 1000;  // from 20 to 1,000,000
  double level = 0.95;   // share of the resamples between low and high, in (0, 1)
  uint64_t seed = 0;
};

// The percentile interval: the quantiles (1 - level) / 2 and (1 + level) / 2 of the resamples'
// values, interpolated linearly as numpy.percentile does.
struct Interval {
  double low = 0;
  double high = 0;
  double mean = 0;  // of the resamples' values
};

// How often each of `clips` clips was drawn for resample number `resample`: a function of the
// arguments alone, with sum `clips`.
std::vector<int> ResampleCounts(uint64_t seed, int resample, int64_t clips);

// Computes a statistic of a resample. An error, for example CANCELLED, ends the bootstrap.
using ClipStatistic = absl::FunctionRef<absl::StatusOr<double>(absl::Span<const int> counts)>;

// Returns the interval of any statistic over clips. INVALID_ARGUMENT: there are fewer than 2 clips,
// an option is out of range, or a resample's value isn't finite.
absl::StatusOr<Interval> BootstrapStatistic(int64_t clips, ClipStatistic statistic,
                                            const BootstrapOptions& options);

// Returns the interval of the mean over clips. Errors are those of BootstrapStatistic.
absl::StatusOr<Interval> BootstrapMean(absl::Span<const double> values,
                                       const BootstrapOptions& options);

// Returns the interval of mean(second) - mean(first), where value i of both belongs to clip i.
// INVALID_ARGUMENT as well: the numbers of values differ.
absl::StatusOr<Interval> BootstrapMeanDifference(absl::Span<const double> first,
                                                 absl::Span<const double> second,
                                                 const BootstrapOptions& options);

// Returns the interval, moved so that its mean is `value`. Set measures such as the Frechet
// distance are larger for a resample, which has fewer distinct clips, than for the set itself:
// their percentile interval can lie wholly above the set's own value. The moved one says how far
// the value varies with the choice of clips.
Interval CentredOn(double value, const Interval& interval);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_BOOTSTRAP_H_
