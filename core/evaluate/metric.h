// The measures that can be asked for, and what each of them needs.
#ifndef VIDMUSE_EVALUATE_METRIC_H_
#define VIDMUSE_EVALUATE_METRIC_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/extractors/extractor.h"

namespace vidmuse::evaluate {

enum class Metric {
  kFad,
  kFadInf,
  kFd,
  kKl,
  kKlReverse,
  kDensity,
  kCoverage,
  kPrecision,
  kRecall,
  kKad,
  kImageBind,
  kImageBindDense,
  kBeats,
  kTempo,
  kKey,
  kCuts,
};

// What a measure is computed from.
enum class Source {
  kVggish,
  kCnn14,      // at 16 kHz if its file is there, else at 32 kHz
  kEmbedding,  // that of --embedding
  kImageBind,
  kImageBindDense,
  kRhythm,         // onsets, beats, tempo and key: no network
  kRhythmAndCuts,  // the same, and the video's cuts
};

struct MetricInfo {
  Metric metric;
  absl::string_view name;   // as --metrics takes it
  absl::string_view title;  // for people
  Source source;
  bool reference;   // needs music of a reference
  bool paired;      // and in pairs
  bool videos;      // needs videos
  bool by_default;  // is computed without being asked for
  bool lower_is_better;
};

// All measures, in the order of reports.
const std::vector<MetricInfo>& AllMetrics();
const MetricInfo& InfoOf(Metric metric);

// What a run was given.
struct Inputs {
  bool reference = false;
  bool reference_is_paired = false;
  bool videos = false;
  std::string extractors = {};     // folder; empty: none
  std::string embedding = "auto";  // as --embedding takes it
};

struct LeftOut {
  std::string name;
  std::string reason;
};

// What a run computes.
struct Plan {
  std::vector<Metric> metrics;    // in the order of reports
  std::vector<LeftOut> left_out;  // measures of the default that can't be computed
  std::vector<SoundNetwork> sounds;
  std::vector<PictureNetwork> pictures;
  SoundNetwork cnn14 = SoundNetwork::kCnn14At16kHz;
  SoundNetwork embedding = SoundNetwork::kClapMusic;
  bool rhythm = false;
  bool cuts = false;
};

// Chooses the measures: those in `names` or, if there are none, the default ones whose inputs are
// there. INVALID_ARGUMENT: a name doesn't exist, the inputs of a measure that was asked for are
// missing, or nothing is left to compute. NOT_FOUND names an extractor's file that is missing.
absl::StatusOr<Plan> MakePlan(const std::vector<std::string>& names, const Inputs& inputs);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_METRIC_H_
