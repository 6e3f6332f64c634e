// Whether the music changes when the picture does.
#ifndef VIDMUSE_CURATE_EVENTS_H_
#define VIDMUSE_CURATE_EVENTS_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace vidmuse::curate {

// Values a second of both curves.
inline constexpr int kEventRate = 4;

// Pearson's correlation of two curves, both at kEventRate, over their common length, as a z-score
// against its own null: the correlations at all circular shifts by more than a second. So music
// that always changes fits no better than chance. None if the common length is under 8 s, or one of
// the curves never changes there.
std::optional<double> EventAgreement(absl::Span<const double> sound,
                                     absl::Span<const double> picture);

// Brings a curve of `rate` values a second to kEventRate: each value is the largest of its quarter
// of a second.
std::vector<double> AtEventRate(absl::Span<const double> curve, double rate);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_EVENTS_H_
