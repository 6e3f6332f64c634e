// Whether a video's cuts fall on the music's beats.
#ifndef VIDMUSE_EVALUATE_CUT_ALIGNMENT_H_
#define VIDMUSE_EVALUATE_CUT_ALIGNMENT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

struct CutAlignmentOptions {
  double sigma = 0.05;     // s, of the precision's Gaussian
  double tolerance = 0.1;  // s, within which a cut is covered
  int shifts = 200;        // of the null, at least 2
  uint64_t seed = 0;
};

struct CutAlignment {
  // Mean over cuts c of exp(-min over beats b of (c - b)^2 / (2 sigma^2)): BeatAlign (Li et al.,
  // "AI Choreographer", 2021) with cuts in place of movements. 0 without beats.
  double precision = 0;
  double coverage = 0;       // share of the cuts with a beat within the tolerance
  double beat_coverage = 0;  // share of the beats with a cut within the tolerance; 0 without beats
  // The null: the precision after all beats are moved in a circle by a random time. Music with many
  // beats scores high by chance, and its null does so too.
  double null_precision = 0;  // mean over the shifts
  // (precision - null_precision) / the shifts' standard deviation (divided by shifts - 1). None if
  // every shift scores the same.
  std::optional<double> z_score;
};

// `cuts` and `beats` are times in [0, seconds], in any order. INVALID_ARGUMENT: there are no cuts,
// a time lies outside, seconds isn't above 0, or an option is out of range.
absl::StatusOr<CutAlignment> MeasureCutAlignment(absl::Span<const double> cuts,
                                                 absl::Span<const double> beats, double seconds,
                                                 const CutAlignmentOptions& options = {});

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CUT_ALIGNMENT_H_
