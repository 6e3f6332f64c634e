#include "core/evaluate/rhythm_measures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/beat_scores.h"
#include "core/evaluate/cut_alignment.h"
#include "core/evaluate/rhythm.h"

namespace vidmuse::evaluate {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double F1(double coverage, double hit) {
  return coverage + hit > 0 ? 2 * coverage * hit / (coverage + hit) : 0;
}

BeatScores ScoresOf(const SoundFeatures& reference, const SoundFeatures& generated,
                    std::vector<double> Rhythm::*onsets, BeatScoreForm form) {
  const absl::StatusOr<BeatScores> scores =
      MeasureBeatScores(MarkSeconds(reference.rhythm.*onsets, reference.facts.seconds),
                        MarkSeconds(generated.rhythm.*onsets, generated.facts.seconds), form);
  return scores.ok() ? *scores : BeatScores{kNone, kNone};
}

// Coverage and hit of all pairs of generated clip i and reference i.
struct PairScores {
  std::vector<double> coverage;
  std::vector<double> hit;
};

PairScores AllScores(const Evidence& evidence, std::vector<double> Rhythm::*onsets,
                     BeatScoreForm form) {
  PairScores all;
  for (size_t i = 0; i < evidence.generated.size(); ++i) {
    const BeatScores scores = ScoresOf(evidence.reference[i], evidence.generated[i], onsets, form);
    all.coverage.push_back(scores.coverage);
    all.hit.push_back(scores.hit);
  }
  return all;
}

std::optional<double> ShuffledF1(const Evidence& evidence) {
  const auto mean = [&](double BeatScores::*part) {
    return ShuffledMean(evidence.generated.size(), [&](size_t i, size_t j) {
      return ScoresOf(evidence.reference[j], evidence.generated[i], &Rhythm::onsets,
                      BeatScoreForm::kLoris).*
             part;
    });
  };
  const std::optional<double> coverage = mean(&BeatScores::coverage);
  const std::optional<double> hit = mean(&BeatScores::hit);
  if (!coverage.has_value() || !hit.has_value()) return std::nullopt;
  return F1(*coverage, *hit);
}

// How much two clips agree: a share in [0, 1], or NaN.
using Agreement = std::function<double(const Rhythm& reference, const Rhythm& generated)>;

// The mean agreement, and that of a looser rule as a part of the measure.
absl::StatusOr<Measurement> MeasureAgreement(Metric metric, const Evidence& evidence,
                                             const Agreement& strict, const Agreement& loose,
                                             const std::string& loose_name) {
  const size_t clips = evidence.generated.size();
  const auto pair = [&](const Agreement& agreement, size_t i, size_t j) {
    return agreement(evidence.reference[j].rhythm, evidence.generated[i].rhythm);
  };
  Measurement result;
  result.metric = metric;
  std::vector<double> loose_values;
  for (size_t i = 0; i < clips; ++i) {
    result.clip_values.push_back(pair(strict, i, i));
    loose_values.push_back(pair(loose, i, i));
  }
  result.value = Mean(result.clip_values);
  if (std::isnan(result.value)) {
    return absl::InvalidArgumentError("no pair of clips can be compared");
  }
  result.statistic = MeanOf(result.clip_values);
  result.shuffled = ShuffledMean(clips, [&](size_t i, size_t j) { return pair(strict, i, j); });
  result.parts[loose_name] = Mean(loose_values);
  const std::optional<double> loose_shuffled =
      ShuffledMean(clips, [&](size_t i, size_t j) { return pair(loose, i, j); });
  if (loose_shuffled.has_value()) {
    result.parts[absl::StrCat(loose_name, "_shuffled")] = *loose_shuffled;
  }
  return result;
}

// The alignment of one clip's beats with one video's cuts. Fails where there are no cuts.
absl::StatusOr<CutAlignment> Align(const SoundFeatures& clip, const VideoFeatures& video,
                                   const CutAlignmentOptions& options) {
  const auto within = [&](std::vector<double> times) {
    std::erase_if(times, [&](double time) { return time > clip.facts.seconds; });
    return times;
  };
  return MeasureCutAlignment(within(video.cuts), within(clip.rhythm.beats), clip.facts.seconds,
                             options);
}

}  // namespace

absl::StatusOr<Measurement> MeasureBeats(const Evidence& evidence) {
  const PairScores loris = AllScores(evidence, &Rhythm::onsets, BeatScoreForm::kLoris);
  const PairScores d2m_gan = AllScores(evidence, &Rhythm::d2m_gan_onsets, BeatScoreForm::kD2mGan);
  std::vector<BeatScores> scores;
  Measurement result;
  result.metric = Metric::kBeats;
  for (size_t i = 0; i < loris.hit.size(); ++i) {
    result.clip_values.push_back(F1(loris.coverage[i], loris.hit[i]));
    if (!std::isnan(loris.hit[i])) scores.push_back({loris.coverage[i], loris.hit[i]});
  }
  ASSIGN_OR_RETURN(const BeatScoreSummary summary, SummariseBeatScores(scores));
  const double coverage = Mean(loris.coverage);
  const double hit = Mean(loris.hit);
  result.value = F1(coverage, hit);
  result.parts = {{"coverage", coverage},
                  {"hit", hit},
                  {"coverage_deviation", summary.coverage_deviation},
                  {"hit_deviation", summary.hit_deviation}};
  if (const double ratio = Mean(d2m_gan.coverage); !std::isnan(ratio)) {
    result.parts["d2m_gan_coverage"] = ratio;
    result.parts["d2m_gan_hit"] = Mean(d2m_gan.hit);
  }
  result.settings["form"] = "LORIS: bins of 1 s; F1 of the means of coverage and hit";
  result.settings["sample_rate"] = kRhythmRate;
  result.statistic = [mean_coverage = MeanOf(loris.coverage), mean_hit = MeanOf(loris.hit)](
                         const Resample& resample) -> absl::StatusOr<double> {
    ASSIGN_OR_RETURN(const double resampled_coverage, mean_coverage(resample));
    ASSIGN_OR_RETURN(const double resampled_hit, mean_hit(resample));
    return F1(resampled_coverage, resampled_hit);
  };
  result.shuffled = ShuffledF1(evidence);
  return result;
}

absl::StatusOr<Measurement> MeasureTempo(const Evidence& evidence) {
  const auto agreement = [](TempoAgreement least) {
    return [least](const Rhythm& reference, const Rhythm& generated) {
      if (reference.tempo <= 0 || generated.tempo <= 0) return kNone;
      return CompareTempos(reference.tempo, generated.tempo) >= least ? 1.0 : 0.0;
    };
  };
  ASSIGN_OR_RETURN(Measurement result,
                   MeasureAgreement(Metric::kTempo, evidence, agreement(TempoAgreement::kSame),
                                    agreement(TempoAgreement::kOctave), "same_half_or_double"));
  result.settings["tolerance"] = 0.1;
  return result;
}

absl::StatusOr<Measurement> MeasureKey(const Evidence& evidence) {
  const auto agreement = [](KeyAgreement least) {
    return [least](const Rhythm& reference, const Rhythm& generated) {
      if (!HasKey(reference) || !HasKey(generated)) return kNone;
      return CompareKeys(reference.key, generated.key) >= least ? 1.0 : 0.0;
    };
  };
  ASSIGN_OR_RETURN(
      Measurement result,
      MeasureAgreement(Metric::kKey, evidence, agreement(KeyAgreement::kSame),
                       agreement(KeyAgreement::kParallel), "same_relative_or_parallel"));
  result.settings["profiles"] = "Krumhansl and Kessler";
  return result;
}

absl::StatusOr<Measurement> MeasureCuts(const Evidence& evidence) {
  const CutAlignmentOptions options;
  Measurement result;
  result.metric = Metric::kCuts;
  std::vector<double> coverage, beat_coverage, null_precision, z_scores;
  for (size_t i = 0; i < evidence.generated.size(); ++i) {
    const absl::StatusOr<CutAlignment> clip =
        Align(evidence.generated[i], evidence.videos[i], options);
    result.clip_values.push_back(clip.ok() ? clip->precision : kNone);
    if (!clip.ok()) continue;
    coverage.push_back(clip->coverage);
    beat_coverage.push_back(clip->beat_coverage);
    null_precision.push_back(clip->null_precision);
    if (clip->z_score.has_value()) z_scores.push_back(*clip->z_score);
  }
  if (coverage.empty()) return absl::InvalidArgumentError("no video has a cut");
  result.value = Mean(result.clip_values);
  result.statistic = MeanOf(result.clip_values);
  result.parts = {{"clips_with_cuts", coverage.size()},
                  {"coverage", Mean(coverage)},
                  {"beat_coverage", Mean(beat_coverage)},
                  {"null_precision", Mean(null_precision)}};
  if (!z_scores.empty()) result.parts["z_score"] = Mean(z_scores);
  result.settings["sigma"] = options.sigma;
  result.settings["tolerance"] = options.tolerance;
  result.settings["shifts"] = options.shifts;
  result.settings["cuts"] = "PySceneDetect's ContentDetector, threshold 27, 15 frames";
  result.shuffled = ShuffledMean(evidence.generated.size(), [&](size_t i, size_t j) {
    const absl::StatusOr<CutAlignment> clip =
        Align(evidence.generated[i], evidence.videos[j], {.shifts = 2});
    return clip.ok() ? clip->precision : kNone;
  });
  return result;
}

}  // namespace vidmuse::evaluate
