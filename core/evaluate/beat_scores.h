// How many of a reference's onsets generated music has, in the two published forms: both mark the
// seconds that hold an onset, and count
//
//   hits: seconds that both mark.
#ifndef VIDMUSE_EVALUATE_BEAT_SCORES_H_
#define VIDMUSE_EVALUATE_BEAT_SCORES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

// Whether each second of a sound holds an onset: [seconds, rounded up]. `onsets` are times in
// seconds; those after the end count for the last second.
std::vector<bool> MarkSeconds(absl::Span<const double> onsets, double seconds);

enum class BeatScoreForm {
  // Yu et al., "Long-Term Rhythmic Video Soundtracker" (LORIS), 2023: coverage = hits / generated
  // marks, a precision; hit = hits / reference marks, a recall. 0 where there are no marks.
  kLoris,
  // Zhu et al., "Quantized GAN for Complex Music Generation from Dance Videos" (D2M-GAN), 2022, and
  // CDCD: coverage = generated marks / reference marks, which can exceed 1; hit as above.
  kD2mGan,
};

struct BeatScores {
  double coverage = 0;
  double hit = 0;
};

// Of one clip. The longer of the two ends with the shorter. INVALID_ARGUMENT: one of them is empty,
// or, for kD2mGan, the reference has no marks.
absl::StatusOr<BeatScores> MeasureBeatScores(const std::vector<bool>& reference,
                                             const std::vector<bool>& generated,
                                             BeatScoreForm form);

// Of many clips, as LORIS reports them.
struct BeatScoreSummary {
  double coverage = 0;            // mean
  double hit = 0;                 // mean
  double coverage_deviation = 0;  // divided by clips - 1; 0 for a single clip
  double hit_deviation = 0;
  double f1 = 0;  // 2 coverage hit / (coverage + hit), of the means; 0 if both are 0
};

// INVALID_ARGUMENT: there are no clips.
absl::StatusOr<BeatScoreSummary> SummariseBeatScores(absl::Span<const BeatScores> clips);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_BEAT_SCORES_H_
