#include "core/evaluate/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/random_index.h"

namespace vidmuse::evaluate {
namespace {

absl::Status CheckOptions(int64_t clips, const BootstrapOptions& options) {
  if (clips < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(clips, " clips are too few for an interval; at least 2 are needed"));
  }
  if (options.resamples < 20 || options.resamples > 1'000'000) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.resamples, " resamples: must be from 20 to 1000000"));
  }
  if (!(options.level > 0 && options.level < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("level ", options.level, " must be above 0 and below 1"));
  }
  return absl::OkStatus();
}

// `sorted` isn't empty, and `share` is in [0, 1].
double Quantile(absl::Span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<int> ResampleCounts(uint64_t seed, int resample, int64_t clips) {
  std::vector<int> counts(static_cast<size_t>(clips));
  for (int64_t i = 0; i < clips; ++i) {
    ++counts[static_cast<size_t>(
        RandomIndex(seed, static_cast<uint32_t>(resample), static_cast<uint64_t>(i), clips))];
  }
  return counts;
}

absl::StatusOr<Interval> BootstrapStatistic(int64_t clips, ClipStatistic statistic,
                                            const BootstrapOptions& options) {
  RETURN_IF_ERROR(CheckOptions(clips, options));
  std::vector<double> values;
  values.reserve(static_cast<size_t>(options.resamples));
  double sum = 0;
  for (int resample = 0; resample < options.resamples; ++resample) {
    ASSIGN_OR_RETURN(const double value, statistic(ResampleCounts(options.seed, resample, clips)));
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the value of resample ", resample, " isn't finite"));
    }
    values.push_back(value);
    sum += value;
  }
  std::sort(values.begin(), values.end());
  return Interval{.low = Quantile(values, (1 - options.level) / 2),
                  .high = Quantile(values, (1 + options.level) / 2),
                  .mean = sum / options.resamples};
}

absl::StatusOr<Interval> BootstrapMean(absl::Span<const double> values,
                                       const BootstrapOptions& options) {
  const auto clips = static_cast<int64_t>(values.size());
  return BootstrapStatistic(
      clips,
      [&](absl::Span<const int> counts) -> absl::StatusOr<double> {
        double sum = 0;
        for (size_t i = 0; i < counts.size(); ++i) sum += counts[i] * values[i];
        return sum / static_cast<double>(clips);
      },
      options);
}

absl::StatusOr<Interval> BootstrapMeanDifference(absl::Span<const double> first,
                                                 absl::Span<const double> second,
                                                 const BootstrapOptions& options) {
  if (first.size() != second.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("paired values of ", first.size(), " and ", second.size(), " clips"));
  }
  std::vector<double> differences(first.size());
  for (size_t i = 0; i < first.size(); ++i) differences[i] = second[i] - first[i];
  return BootstrapMean(differences, options);
}

Interval CentredOn(double value, const Interval& interval) {
  const double shift = value - interval.mean;
  return {.low = interval.low + shift, .high = interval.high + shift, .mean = value};
}

}  // namespace vidmuse::evaluate
