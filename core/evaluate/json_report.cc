#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "core/evaluate/clip_facts.h"
#include "core/evaluate/report.h"

namespace vidmuse::evaluate {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json Number(const std::optional<double>& value) {
  return value.has_value() ? Number(*value) : Json(nullptr);
}

Json IntervalJson(const std::optional<Interval>& interval) {
  if (!interval.has_value()) return nullptr;
  return Json::array({Number(interval->low), Number(interval->high)});
}

Json ExtractorJson(const ExtractorInfo& info) {
  return {{"name", info.name},
          {"file", info.file},
          {"sha256", info.sha256},
          {"resampler", info.resampler}};
}

Json MeasurementJson(const Measurement& measurement, int resamples) {
  const MetricInfo& info = InfoOf(measurement.metric);
  Json json;
  json["value"] = Number(measurement.value);
  json["ci95"] = IntervalJson(measurement.ci95);
  json["clips"] = measurement.clips;
  json["seconds"] = measurement.seconds;
  json["title"] = info.title;
  json["better"] = info.lower_is_better ? "lower" : "higher";
  json["extractor"] = nullptr;
  if (!measurement.extractors.empty()) {
    json["extractor"] = ExtractorJson(measurement.extractors.front());
  }
  json["settings"] = measurement.settings;
  json["settings"]["interval"] = measurement.biased_resamples
                                     ? "resamples of clips, moved so that their mean is the value"
                                     : "resamples of clips, percentiles";
  json["settings"]["resamples"] = std::min(resamples, measurement.most_resamples);
  if (!measurement.parts.empty()) json["parts"] = measurement.parts;
  if (info.reference && !info.paired) json["floor_split"] = Number(measurement.floor_split);
  if (info.paired || info.videos) json["shuffled"] = Number(measurement.shuffled);
  return json;
}

Json ClipJson(const std::string& name, size_t index, const SetReport& set) {
  const SoundFeatures& sound = set.evidence.generated[index];
  Json json;
  json["name"] = name;
  json["file"] = sound.path;
  if (set.evidence.paired) json["reference"] = set.evidence.reference[index].path;
  if (!set.evidence.videos.empty()) json["video"] = set.evidence.videos[index].path;
  json["seconds"] = sound.facts.seconds;
  json["sample_rate"] = sound.facts.sample_rate;
  json["channels"] = sound.facts.channels;
  json["peak"] = sound.facts.peak;
  json["silent"] = IsSilent(sound.facts);
  if (sound.rhythm.tempo > 0) {
    json["tempo"] = sound.rhythm.tempo;
    if (HasKey(sound.rhythm)) json["key"] = sound.rhythm.key.Name();
  }
  json["metrics"] = Json::object();
  for (const Measurement& measurement : set.measurements) {
    if (measurement.clip_values.empty()) continue;
    json["metrics"][std::string(InfoOf(measurement.metric).name)] =
        Number(measurement.clip_values[index]);
  }
  return json;
}

Json SetJson(const Report& report, const SetReport& set) {
  Json json;
  json["generated"] = set.folder;
  json["metrics"] = Json::object();
  for (const Measurement& measurement : set.measurements) {
    json["metrics"][std::string(InfoOf(measurement.metric).name)] =
        MeasurementJson(measurement, report.resamples);
  }
  json["clips"] = Json::array();
  for (size_t i = 0; i < report.clips.size(); ++i) {
    json["clips"].push_back(ClipJson(report.clips[i], i, set));
  }
  return json;
}

Json SettingsJson(const Report& report) {
  Json json;
  json["bootstrap"] = {{"resamples", report.resamples}, {"seed", report.seed}, {"level", 0.95}};
  json["embedding"] = report.embedding;
  json["unpaired"] = report.unpaired;
  json["silent_below_peak"] = kSilentPeak;
  return json;
}

}  // namespace

std::string BetterSet(const Difference& difference) {
  if (!difference.ci95.has_value()) return "undecided";
  if (difference.ci95->low <= 0 && difference.ci95->high >= 0) return "undecided";
  const bool is_more = difference.value > 0;
  return is_more == InfoOf(difference.metric).lower_is_better ? "a" : "b";
}

std::string JsonReport(const Report& report) {
  Json json;
  json["program"] = "vidmuse_evaluate";
  json["version"] = report.version;
  json["reference"] = report.reference;
  json["videos"] = report.videos;
  json["settings"] = SettingsJson(report);
  json["warnings"] = report.warnings;
  json["skipped"] = report.skipped;
  json["left_out"] = Json::object();
  for (const LeftOut& left : report.left_out) json["left_out"][left.name] = left.reason;
  if (report.sets.size() == 1) {
    json.update(SetJson(report, report.sets[0]));
  } else {
    json["a"] = SetJson(report, report.sets[0]);
    json["b"] = SetJson(report, report.sets[1]);
    json["differences"] = Json::object();
    for (const Difference& difference : report.differences) {
      json["differences"][std::string(InfoOf(difference.metric).name)] = {
          {"value", Number(difference.value)},
          {"ci95", IntervalJson(difference.ci95)},
          {"better", BetterSet(difference)}};
    }
  }
  // Names of files that aren't UTF-8 are told with replacement characters.
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace vidmuse::evaluate
