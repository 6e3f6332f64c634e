#include "core/evaluate/measurement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse::evaluate {
namespace {

constexpr int64_t kLeastClips = 3;
constexpr size_t kRotations = 10;
// Seeds of the reference's own resamples, and of draws that replace useless ones.
constexpr uint64_t kReferenceSeed = 0x5eed0000;

bool IsOneClip(absl::Span<const int> counts) {
  return std::count_if(counts.begin(), counts.end(), [](int n) { return n > 0; }) < 2;
}

// The resample's counts. One that drew a single clip tells nothing of a set, so it is drawn again.
std::vector<int> Draw(uint64_t seed, int resample, int64_t clips) {
  std::vector<int> counts = ResampleCounts(seed, resample, clips);
  while (IsOneClip(counts)) counts = ResampleCounts(++seed, resample, clips);
  return counts;
}

}  // namespace

BootstrapOptions Limited(const BootstrapOptions& options, const Measurement& measurement) {
  BootstrapOptions limited = options;
  limited.resamples = std::min(options.resamples, measurement.most_resamples);
  return limited;
}

double Mean(absl::Span<const double> values) {
  double sum = 0;
  int64_t count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

Statistic MeanOf(std::vector<double> clip_values) {
  const double whole = Mean(clip_values);
  return [values = std::move(clip_values), whole](const Resample& resample) {
    double sum = 0;
    int64_t count = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) continue;
      sum += resample.generated[i] * values[i];
      count += resample.generated[i];
    }
    return absl::StatusOr<double>(count == 0 ? whole : sum / static_cast<double>(count));
  };
}

std::optional<double> ShuffledMean(size_t clips,
                                   const std::function<double(size_t i, size_t j)>& pair) {
  std::vector<double> values;
  for (size_t by = 1; by < clips && by <= kRotations; ++by) {
    for (size_t i = 0; i < clips; ++i) values.push_back(pair(i, (i + by) % clips));
  }
  const double mean = Mean(values);
  if (std::isnan(mean)) return std::nullopt;
  return mean;
}

absl::StatusOr<std::optional<Interval>> IntervalOf(const Statistic& statistic, double value,
                                                   bool biased_resamples, const Evidence& evidence,
                                                   const BootstrapOptions& options) {
  const auto clips = static_cast<int64_t>(evidence.generated.size());
  const auto references = static_cast<int64_t>(evidence.reference.size());
  if (clips < kLeastClips || (references > 0 && references < kLeastClips)) return std::nullopt;
  int resample = -1;
  const auto of_counts = [&](absl::Span<const int>) -> absl::StatusOr<double> {
    ++resample;
    const std::vector<int> generated = Draw(options.seed, resample, clips);
    if (evidence.paired || references == 0) return statistic({generated, generated});
    return statistic({generated, Draw(options.seed + kReferenceSeed, resample, references)});
  };
  ASSIGN_OR_RETURN(const Interval interval, BootstrapStatistic(clips, of_counts, options));
  return biased_resamples ? CentredOn(value, interval) : interval;
}

}  // namespace vidmuse::evaluate
