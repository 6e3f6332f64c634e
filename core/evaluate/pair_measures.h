// Measures of each generated clip with what belongs to it: the reference's music, or the video.
#ifndef VIDMUSE_EVALUATE_PAIR_MEASURES_H_
#define VIDMUSE_EVALUATE_PAIR_MEASURES_H_

#include "absl/status/statusor.h"
#include "core/evaluate/measurement.h"
#include "core/extractors/extractor.h"

namespace vidmuse::evaluate {

// KL of the reference's classes against the generated ones (Metric::kKl) or of the generated ones
// against the reference's (Metric::kKlReverse). Errors are those of MeasureClassDivergence.
absl::StatusOr<Measurement> MeasureKl(Metric metric, const Evidence& evidence,
                                      SoundNetwork network);

// The cosine of music and video, by the published few clips (Metric::kImageBind), or over all
// windows (Metric::kImageBindDense). Errors are those of MeasureCosines and MeasureCosineCurve.
absl::StatusOr<Measurement> MeasureImageBind(Metric metric, const Evidence& evidence);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_PAIR_MEASURES_H_
