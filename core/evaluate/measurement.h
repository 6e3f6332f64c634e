// A measure's result, and what it is computed from.
#ifndef VIDMUSE_EVALUATE_MEASUREMENT_H_
#define VIDMUSE_EVALUATE_MEASUREMENT_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/evaluate/bootstrap.h"
#include "core/evaluate/collect.h"
#include "core/evaluate/metric.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// One set of generated music and what it is measured against.
struct Evidence {
  std::vector<SoundFeatures> generated;  // in order of the clips' names
  std::vector<SoundFeatures> reference;  // empty: there is none
  std::vector<VideoFeatures> videos;     // of clip i; empty: there are none
  bool paired = false;                   // reference i belongs to clip i
};

// How often each clip counts in a resample.
struct Resample {
  absl::Span<const int> generated;
  absl::Span<const int> reference;
};

using Statistic = std::function<absl::StatusOr<double>(const Resample& resample)>;

struct Measurement {
  Metric metric = Metric::kFad;
  double value = 0;
  std::optional<Interval> ci95;
  int64_t clips = 0;
  double seconds = 0;                     // of generated music
  std::vector<ExtractorInfo> extractors;  // none for measures without a network
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  // Further numbers that belong to the measure.
  nlohmann::ordered_json parts = nlohmann::ordered_json::object();
  // What perfect music would have: the reference's two halves against each other.
  std::optional<double> floor_split;
  // What music has that was made for other videos: the mean over mismatched pairs.
  std::optional<double> shuffled;
  // Each generated clip's own; empty if the measure is of sets alone. NaN: this clip has none.
  std::vector<double> clip_values;
  // The measure of a resample.
  Statistic statistic;
  // Whether resamples are further off than the set itself, so that the interval is moved to
  // `value`.
  bool biased_resamples = false;
  // Of a statistic that is slow to compute.
  int most_resamples = std::numeric_limits<int>::max();
};

// `options`, with no more resamples than the measure allows.
BootstrapOptions Limited(const BootstrapOptions& options, const Measurement& measurement);

// The statistic that is the mean of the clips' values. NaN counts as no clip.
Statistic MeanOf(std::vector<double> clip_values);
// The mean without NaN; NaN if there is nothing else.
double Mean(absl::Span<const double> values);

// The mean of pair(i, j) over mismatched pairs of `clips` clips: each i with up to 10 others.
// nullopt: there are fewer than 2 clips.
std::optional<double> ShuffledMean(size_t clips,
                                   const std::function<double(size_t i, size_t j)>& pair);

// The interval of a statistic over resamples of clips. Clips of a reference that is paired are
// drawn with their generated clips, else by themselves. nullopt: there are fewer than 3 clips.
absl::StatusOr<std::optional<Interval>> IntervalOf(const Statistic& statistic, double value,
                                                   bool biased_resamples, const Evidence& evidence,
                                                   const BootstrapOptions& options);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_MEASUREMENT_H_
