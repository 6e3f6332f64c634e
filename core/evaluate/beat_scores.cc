#include "core/evaluate/beat_scores.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"

namespace vidmuse::evaluate {

std::vector<bool> MarkSeconds(absl::Span<const double> onsets, double seconds) {
  std::vector<bool> marks(static_cast<size_t>(std::ceil(std::max(seconds, 0.0))));
  if (marks.empty()) return marks;
  for (const double onset : onsets) {
    marks[std::min(static_cast<size_t>(std::max(onset, 0.0)), marks.size() - 1)] = true;
  }
  return marks;
}

absl::StatusOr<BeatScores> MeasureBeatScores(const std::vector<bool>& reference,
                                             const std::vector<bool>& generated,
                                             BeatScoreForm form) {
  const size_t seconds = std::min(reference.size(), generated.size());
  if (seconds == 0) return absl::InvalidArgumentError("a clip of 0 s has no beats to compare");
  double of_reference = 0, of_generated = 0, hits = 0;
  for (size_t i = 0; i < seconds; ++i) {
    of_reference += reference[i];
    of_generated += generated[i];
    hits += reference[i] && generated[i];
  }
  if (form == BeatScoreForm::kD2mGan) {
    if (of_reference == 0) return absl::InvalidArgumentError("the reference has no onsets");
    return BeatScores{.coverage = of_generated / of_reference, .hit = hits / of_reference};
  }
  return BeatScores{.coverage = of_generated > 0 ? hits / of_generated : 0,
                    .hit = of_reference > 0 ? hits / of_reference : 0};
}

absl::StatusOr<BeatScoreSummary> SummariseBeatScores(absl::Span<const BeatScores> clips) {
  if (clips.empty()) return absl::InvalidArgumentError("no clips to summarise");
  const auto count = static_cast<double>(clips.size());
  BeatScoreSummary summary;
  for (const BeatScores& clip : clips) {
    summary.coverage += clip.coverage / count;
    summary.hit += clip.hit / count;
  }
  if (clips.size() > 1) {
    double coverage_squares = 0, hit_squares = 0;
    for (const BeatScores& clip : clips) {
      coverage_squares += std::pow(clip.coverage - summary.coverage, 2);
      hit_squares += std::pow(clip.hit - summary.hit, 2);
    }
    summary.coverage_deviation = std::sqrt(coverage_squares / (count - 1));
    summary.hit_deviation = std::sqrt(hit_squares / (count - 1));
  }
  const double sum = summary.coverage + summary.hit;
  if (sum > 0) summary.f1 = 2 * summary.coverage * summary.hit / sum;
  return summary;
}

}  // namespace vidmuse::evaluate
