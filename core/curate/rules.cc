#include "core/curate/rules.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace vidmuse::curate {
namespace {

// One bound on one measured value.
struct Bound {
  const char* stage;
  const char* value;
  const char* words;
  std::optional<double> least, most;
};

// A clip isn't kept: `rule` is why, and `detail` what was measured of this clip.
Decision Drop(absl::string_view stage, std::string rule, absl::string_view detail) {
  return {false, absl::StrCat(stage, ": ", detail), std::string(stage), std::move(rule)};
}

std::optional<Decision> Broken(const Bound& bound, const Measurements& measured) {
  const auto stage = measured.find(bound.stage);
  if (stage == measured.end()) return std::nullopt;
  const auto value = stage->second.find(bound.value);
  if (value == stage->second.end() || !value->is_number()) return std::nullopt;
  const auto number = value->get<double>();
  const auto drop = [&](const char* side, double threshold) {
    const std::string limit = absl::StrCat(", ", side, " ", threshold);
    return Drop(bound.stage, absl::StrCat(bound.words, limit),
                absl::StrCat(bound.words, " ", number, limit));
  };
  if (bound.least.has_value() && number < *bound.least) return drop("under", *bound.least);
  if (bound.most.has_value() && number > *bound.most) return drop("over", *bound.most);
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

std::optional<Decision> WrongCategory(const Rules& rules, const RawClip& clip) {
  const auto found = clip.source.find("category");
  if (found == clip.source.end() || !found->is_string()) return std::nullopt;
  const auto category = found->get<std::string>();
  for (const std::string& dropped : rules.dropped_categories) {
    if (!absl::EqualsIgnoreCase(category, dropped)) continue;
    const std::string rule = absl::StrCat("category ", dropped);
    return Drop("probe", rule, rule);
  }
  return std::nullopt;
}

// What a stage says without a threshold: it couldn't read the clip, or a stream is missing.
std::optional<Decision> Unusable(const char* stage, const Json& measured) {
  const auto error = measured.find("error");
  if (error != measured.end()) return Drop(stage, "can't be measured", error->get<std::string>());
  for (const char* stream : {"video", "audio"}) {
    const auto has = measured.find(absl::StrCat("has_", stream));
    if (has == measured.end() || has->get<bool>()) continue;
    const std::string rule = absl::StrCat("it has no ", stream);
    return Drop(stage, rule, rule);
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
  for (const char* stage : kStageOrder) {
    const auto found = measured.find(stage);
    if (found == measured.end()) continue;
    if (const auto drop = Unusable(stage, found->second)) return *drop;
    if (absl::string_view(stage) == "probe") {
      if (const auto drop = WrongCategory(rules, clip)) return *drop;
    }
    for (const Bound& bound : bounds) {
      if (absl::string_view(bound.stage) != stage) continue;
      if (const auto drop = Broken(bound, measured)) return *drop;
    }
    const auto twin = found->second.find("same_as");
    if (rules.drop_duplicates && twin != found->second.end() && twin->is_string()) {
      return Drop(stage, "sounds like another",
                  absl::StrCat("sounds like ", twin->get<std::string>()));
    }
  }
  return {};
}

}  // namespace vidmuse::curate
