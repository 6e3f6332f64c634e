// Measures of rhythm and key, for which no network is needed.
#ifndef VIDMUSE_EVALUATE_RHYTHM_MEASURES_H_
#define VIDMUSE_EVALUATE_RHYTHM_MEASURES_H_

#include "absl/status/statusor.h"
#include "core/evaluate/measurement.h"

namespace vidmuse::evaluate {

// Whether the seconds with onsets are those of the reference.
absl::StatusOr<Measurement> MeasureBeats(const Evidence& evidence);

// The share of clips whose tempo is within 10 % of the reference's.
absl::StatusOr<Measurement> MeasureTempo(const Evidence& evidence);

// The share of clips in the reference's key.
absl::StatusOr<Measurement> MeasureKey(const Evidence& evidence);

// Whether beats fall on the video's cuts. INVALID_ARGUMENT: no video has a cut.
absl::StatusOr<Measurement> MeasureCuts(const Evidence& evidence);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_RHYTHM_MEASURES_H_
