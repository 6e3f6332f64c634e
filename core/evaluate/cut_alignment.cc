#include "core/evaluate/cut_alignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/random_index.h"

namespace vidmuse::evaluate {
namespace {

absl::Status Check(absl::Span<const double> cuts, absl::Span<const double> beats, double seconds,
                   const CutAlignmentOptions& options) {
  if (!(seconds > 0 && std::isfinite(seconds))) {
    return absl::InvalidArgumentError(absl::StrCat("a video of ", seconds, " s"));
  }
  if (cuts.empty()) return absl::InvalidArgumentError("the video has no cuts");
  if (!(options.sigma > 0 && options.tolerance >= 0 && options.shifts >= 2)) {
    return absl::InvalidArgumentError("sigma, tolerance or shifts is out of range");
  }
  for (const auto times : {cuts, beats}) {
    for (const double time : times) {
      if (time >= 0 && time <= seconds) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("a time of ", time, " s in a video of ", seconds, " s"));
    }
  }
  return absl::OkStatus();
}

std::vector<double> Sorted(absl::Span<const double> times) {
  std::vector<double> sorted(times.begin(), times.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// The distance to the nearest of `sorted`; infinite if it is empty.
double Nearest(const std::vector<double>& sorted, double time) {
  double nearest = std::numeric_limits<double>::infinity();
  const auto after = std::lower_bound(sorted.begin(), sorted.end(), time);
  if (after != sorted.end()) nearest = *after - time;
  if (after != sorted.begin()) nearest = std::min(nearest, time - *(after - 1));
  return nearest;
}

double Precision(const std::vector<double>& cuts, const std::vector<double>& beats, double sigma) {
  double sum = 0;
  for (const double cut : cuts) {
    const double distance = Nearest(beats, cut) / sigma;
    sum += std::exp(-distance * distance / 2);
  }
  return sum / static_cast<double>(cuts.size());
}

// The share of `times` that have one of `others` within the tolerance.
double Covered(const std::vector<double>& times, const std::vector<double>& others,
               double tolerance) {
  if (times.empty()) return 0;
  const auto covered = std::count_if(
      times.begin(), times.end(), [&](double time) { return Nearest(others, time) <= tolerance; });
  return static_cast<double>(covered) / static_cast<double>(times.size());
}

}  // namespace

absl::StatusOr<CutAlignment> MeasureCutAlignment(absl::Span<const double> cuts,
                                                 absl::Span<const double> beats, double seconds,
                                                 const CutAlignmentOptions& options) {
  RETURN_IF_ERROR(Check(cuts, beats, seconds, options));
  const std::vector<double> of_video = Sorted(cuts), of_music = Sorted(beats);
  CutAlignment alignment;
  alignment.precision = Precision(of_video, of_music, options.sigma);
  alignment.coverage = Covered(of_video, of_music, options.tolerance);
  alignment.beat_coverage = Covered(of_music, of_video, options.tolerance);

  std::vector<double> null;
  for (int shift = 0; shift < options.shifts; ++shift) {
    constexpr int64_t kSteps = int64_t{1} << 40;
    const double by =
        seconds *
        static_cast<double>(RandomIndex(options.seed, static_cast<uint32_t>(shift), 0, kSteps)) /
        kSteps;
    std::vector<double> moved = of_music;
    for (double& beat : moved) beat = std::fmod(beat + by, seconds);
    null.push_back(Precision(of_video, Sorted(moved), options.sigma));
    alignment.null_precision += null.back() / options.shifts;
  }
  double squares = 0;
  for (const double value : null) squares += std::pow(value - alignment.null_precision, 2);
  const double deviation = std::sqrt(squares / (options.shifts - 1));
  // Equal values leave a deviation of rounding errors.
  if (deviation > 1e-12) {
    alignment.z_score = (alignment.precision - alignment.null_precision) / deviation;
  }
  return alignment;
}

}  // namespace vidmuse::evaluate
