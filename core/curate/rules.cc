#include "core/curate/rules.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace vidmuse::curate {
namespace {

std::string Number(double value) { return absl::StrCat(value); }

// One bound on one measured value.
struct Bound {
  const char* stage;
  const char* value;
  const char* words;
  std::optional<double> least, most;
};

std::optional<std::string> Broken(const Bound& bound, const Measurements& measured) {
  const auto stage = measured.find(bound.stage);
  if (stage == measured.end()) return std::nullopt;
  const auto value = stage->second.find(bound.value);
  if (value == stage->second.end() || !value->is_number()) return std::nullopt;
  const auto number = value->get<double>();
  if (bound.least.has_value() && number < *bound.least) {
    return absl::StrCat(bound.stage, ": ", bound.words, " ", Number(number), ", under ",
                        Number(*bound.least));
  }
  if (bound.most.has_value() && number > *bound.most) {
    return absl::StrCat(bound.stage, ": ", bound.words, " ", Number(number), ", over ",
                        Number(*bound.most));
  }
  return std::nullopt;
}

std::vector<Bound> Bounds(const Rules& r) {
  return {
      {"probe", "seconds", "seconds", r.least_seconds, r.most_seconds},
      {"static", "similarity", "mean similarity of pictures", {}, r.most_similarity},
      {"static", "black_share", "share of black pictures", {}, r.most_black_share},
      {"static", "freeze_share", "share of frozen pictures", {}, r.most_freeze_share},
      {"music", "music_share", "share of music", r.least_music_share, {}},
      {"music", "speech_share", "share of speech", {}, r.most_speech_share},
      {"music", "singing_share", "share of singing", {}, r.most_singing_share},
      {"separate", "speech_share", "share of speech that is left", {}, r.most_speech_left},
      {"separate", "singing_share", "share of singing that is left", {}, r.most_singing_left},
      {"separate", "silent_share", "share of silence that is left", {}, r.most_silent_share},
  };
}

constexpr const char* kStages[] = {"probe", "static", "music", "duplicates", "separate", "align"};

std::optional<std::string> WrongCategory(const Rules& rules, const RawClip& clip) {
  const auto found = clip.source.find("category");
  if (found == clip.source.end() || !found->is_string()) return std::nullopt;
  const auto category = found->get<std::string>();
  for (const std::string& dropped : rules.dropped_categories) {
    if (absl::EqualsIgnoreCase(category, dropped)) return absl::StrCat("probe: category ", dropped);
  }
  return std::nullopt;
}

// What a stage says without a threshold: it couldn't read the clip, or a stream is missing.
std::optional<std::string> Unusable(const char* stage, const Json& measured) {
  const auto error = measured.find("error");
  if (error != measured.end()) return absl::StrCat(stage, ": ", error->get<std::string>());
  for (const char* stream : {"video", "audio"}) {
    const auto has = measured.find(absl::StrCat("has_", stream));
    if (has != measured.end() && !has->get<bool>()) {
      return absl::StrCat(stage, ": it has no ", stream);
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Rules> Rules::Preset(absl::string_view name) {
  Rules rules;
  if (name == "paper") return rules;
  if (name != "strict") {
    return absl::InvalidArgumentError(absl::StrCat("no preset ", name, ": paper or strict"));
  }
  rules.most_black_share = 0.1;
  rules.most_freeze_share = 0.2;
  rules.least_music_share = 0.8;
  rules.most_speech_share = 0.2;
  rules.most_speech_left = 0.05;
  rules.most_singing_left = 0.05;
  rules.most_silent_share = 0.4;
  rules.drop_duplicates = true;
  rules.dropped_categories.insert(rules.dropped_categories.end(), {"podcast", "talk", "gaming"});
  return rules;
}

Decision Decide(const Rules& rules, const RawClip& clip, const Measurements& measured) {
  const std::vector<Bound> bounds = Bounds(rules);
  for (const char* stage : kStages) {
    const auto found = measured.find(stage);
    if (found == measured.end()) continue;
    if (const auto why = Unusable(stage, found->second)) return {false, *why};
    if (absl::string_view(stage) == "probe") {
      if (const auto why = WrongCategory(rules, clip)) return {false, *why};
    }
    for (const Bound& bound : bounds) {
      if (absl::string_view(bound.stage) != stage) continue;
      if (const auto why = Broken(bound, measured)) return {false, *why};
    }
    const auto twin = found->second.find("same_as");
    if (rules.drop_duplicates && twin != found->second.end() && twin->is_string()) {
      return {false, absl::StrCat(stage, ": sounds like ", twin->get<std::string>())};
    }
  }
  return {};
}

}  // namespace vidmuse::curate
