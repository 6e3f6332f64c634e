#include "core/evaluate/rhythm_measures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vidmuse::evaluate {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kTempoTolerance = 0.1;

double Share(bool holds) { return holds ? 1 : 0; }

bool IsSameTempo(double tempo, double reference) {
  return std::fabs(tempo - reference) <= kTempoTolerance * reference;
}

// Compares the tempos of two clips; NaN if one of them has none.
double SameTempo(const Rhythm& generated, const Rhythm& reference) {
  if (generated.tempo <= 0 || reference.tempo <= 0) return kNone;
  return Share(IsSameTempo(generated.tempo, reference.tempo));
}

// The same, where half, double, a third and three times the tempo count too.
double SameMetre(const Rhythm& generated, const Rhythm& reference) {
  if (generated.tempo <= 0 || reference.tempo <= 0) return kNone;
  bool same = false;
  for (const double factor : {1.0, 2.0, 3.0, 0.5, 1.0 / 3}) {
    same = same || IsSameTempo(generated.tempo * factor, reference.tempo);
  }
  return Share(same);
}

double SameKey(const Rhythm& generated, const Rhythm& reference) {
  if (generated.key < 0 || reference.key < 0) return kNone;
  return Share(generated.key == reference.key);
}

// The same key, its relative (C major and A minor), or its parallel (C major and C minor).
double RelatedKey(const Rhythm& generated, const Rhythm& reference) {
  if (generated.key < 0 || reference.key < 0) return kNone;
  const auto relative = [](int key) { return key < 12 ? 12 + (key + 9) % 12 : (key + 3) % 12; };
  const int key = generated.key;
  return Share(key == reference.key || relative(key) == reference.key ||
               (key + 12) % 24 == reference.key);
}

using Comparison = double (*)(const Rhythm& generated, const Rhythm& reference);

// The share of clips for which `same` holds.
Measurement ShareOf(Metric metric, const Evidence& evidence, Comparison same) {
  Measurement result;
  result.metric = metric;
  const auto pair = [&](size_t i, size_t j) {
    return same(evidence.generated[i].rhythm, evidence.reference[j].rhythm);
  };
  for (size_t i = 0; i < evidence.generated.size(); ++i) result.clip_values.push_back(pair(i, i));
  result.value = Mean(result.clip_values);
  result.statistic = MeanOf(result.clip_values);
  result.shuffled = ShuffledMean(evidence.generated.size(), pair);
  return result;
}

// Adds a looser comparison, as a part. Fails if no pair of clips could be compared.
absl::StatusOr<Measurement> WithLooser(Measurement strict, absl::string_view name,
                                       const Evidence& evidence, Comparison looser,
                                       absl::string_view what) {
  if (std::isnan(strict.value)) {
    return absl::InvalidArgumentError(absl::StrCat("no clip and its reference have a ", what));
  }
  const Measurement loose = ShareOf(strict.metric, evidence, looser);
  strict.parts[std::string(name)] = loose.value;
  if (loose.shuffled.has_value()) {
    strict.parts[absl::StrCat(name, "_shuffled")] = *loose.shuffled;
  }
  return strict;
}

}  // namespace

absl::StatusOr<Measurement> MeasureTempo(const Evidence& evidence) {
  Measurement strict = ShareOf(Metric::kTempo, evidence, SameTempo);
  strict.settings["tolerance"] = kTempoTolerance;
  return WithLooser(std::move(strict), "same_or_multiple", evidence, SameMetre, "tempo");
}

absl::StatusOr<Measurement> MeasureKey(const Evidence& evidence) {
  return WithLooser(ShareOf(Metric::kKey, evidence, SameKey), "same_relative_or_parallel", evidence,
                    RelatedKey, "key");
}

absl::StatusOr<Measurement> MeasureBeats(const Evidence&) {
  return absl::InvalidArgumentError("not yet");
}
absl::StatusOr<Measurement> MeasureCuts(const Evidence&) {
  return absl::InvalidArgumentError("not yet");
}

}  // namespace vidmuse::evaluate
