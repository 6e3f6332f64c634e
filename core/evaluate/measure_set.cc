#include "core/evaluate/measure_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/pair_measures.h"
#include "core/evaluate/rhythm_measures.h"
#include "core/evaluate/set_measures.h"

namespace vidmuse::evaluate {
namespace {

bool IsOfNeighbourhoods(Metric metric) {
  return metric == Metric::kDensity || metric == Metric::kCoverage ||
         metric == Metric::kPrecision || metric == Metric::kRecall;
}

// One measure that isn't of neighbourhoods, which are computed together.
absl::StatusOr<Measurement> Measure(Metric metric, const Plan& plan, const Evidence& evidence,
                                    uint64_t seed) {
  switch (metric) {
    case Metric::kFad:
    case Metric::kFadInf:
      return MeasureFrechet(metric, evidence, SoundNetwork::kVggish, seed);
    case Metric::kFd:
      return MeasureFrechet(metric, evidence, plan.cnn14, seed);
    case Metric::kKl:
    case Metric::kKlReverse:
      return MeasureKl(metric, evidence, plan.cnn14);
    case Metric::kKad:
      return MeasureKad(evidence, plan.embedding, seed);
    case Metric::kImageBind:
    case Metric::kImageBindDense:
      return MeasureImageBind(metric, evidence);
    case Metric::kBeats:
      return MeasureBeats(evidence);
    case Metric::kTempo:
      return MeasureTempo(evidence);
    case Metric::kKey:
      return MeasureKey(evidence);
    case Metric::kCuts:
      return MeasureCuts(evidence);
    case Metric::kDensity:
    case Metric::kCoverage:
    case Metric::kPrecision:
    case Metric::kRecall:
      break;
  }
  return absl::InternalError("a measure of neighbourhoods");
}

// The networks whose features the measure took.
std::vector<ExtractorInfo> ExtractorsOf(Metric metric, const Plan& plan, const Tools& tools) {
  const auto sound = [&](SoundNetwork network) { return tools.sounds.at(network)->info(); };
  const auto pictures = [&](PictureNetwork network) { return tools.pictures.at(network)->info(); };
  switch (InfoOf(metric).source) {
    case Source::kVggish:
      return {sound(SoundNetwork::kVggish)};
    case Source::kCnn14:
      return {sound(plan.cnn14)};
    case Source::kEmbedding:
      return {sound(plan.embedding)};
    case Source::kImageBind:
      return {sound(SoundNetwork::kImageBindSound), pictures(PictureNetwork::kImageBindPictures)};
    case Source::kImageBindDense:
      return {sound(SoundNetwork::kImageBindSoundDense),
              pictures(PictureNetwork::kImageBindPicturesDense)};
    case Source::kRhythm:
    case Source::kRhythmAndCuts:
      break;
  }
  return {};
}

// Those that `metric` is computed with. Fills nothing in for a measure that was computed before.
absl::StatusOr<std::vector<Measurement>> MeasureTogether(Metric metric, const Plan& plan,
                                                         const Evidence& evidence, uint64_t seed) {
  if (!IsOfNeighbourhoods(metric)) {
    ASSIGN_OR_RETURN(Measurement one, Measure(metric, plan, evidence, seed));
    std::vector<Measurement> measurements;
    measurements.push_back(std::move(one));
    return measurements;
  }
  return MeasureNeighbourhoods(plan.metrics, evidence, plan.embedding, seed);
}

}  // namespace

absl::StatusOr<SetMeasurements> MeasureSet(const Plan& plan, const Evidence& evidence,
                                           const Tools& tools, uint64_t seed, bool all) {
  SetMeasurements result;
  double seconds = 0;
  for (const SoundFeatures& clip : evidence.generated) seconds += clip.facts.seconds;
  bool neighbourhoods_done = false;
  for (const Metric metric : plan.metrics) {
    if (IsOfNeighbourhoods(metric) && std::exchange(neighbourhoods_done, true)) continue;
    absl::StatusOr<std::vector<Measurement>> together =
        MeasureTogether(metric, plan, evidence, seed);
    const std::string name(InfoOf(metric).name);
    if (!together.ok()) {
      if (all || together.status().code() != absl::StatusCode::kInvalidArgument) {
        return absl::Status(together.status().code(),
                            absl::StrCat("metric ", name, ": ", together.status().message()));
      }
      for (const Metric other : plan.metrics) {
        if (other != metric && !(IsOfNeighbourhoods(metric) && IsOfNeighbourhoods(other))) continue;
        result.left_out.push_back(
            {std::string(InfoOf(other).name), std::string(together.status().message())});
      }
      continue;
    }
    for (Measurement& measurement : *together) {
      measurement.clips = static_cast<int64_t>(evidence.generated.size());
      measurement.seconds = seconds;
      measurement.extractors = ExtractorsOf(measurement.metric, plan, tools);
      result.measurements.push_back(std::move(measurement));
    }
  }
  return result;
}

}  // namespace vidmuse::evaluate
