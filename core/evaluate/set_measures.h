// Measures of a whole set of generated music against a reference set.
#ifndef VIDMUSE_EVALUATE_SET_MEASURES_H_
#define VIDMUSE_EVALUATE_SET_MEASURES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/evaluate/measurement.h"
#include "core/extractors/extractor.h"

namespace vidmuse::evaluate {

// Neighbours of the measures of neighbourhoods.
constexpr int kNeighbours = 5;

// FAD, also extrapolated to infinitely many windows, or FD, on one network's embeddings. Errors are
// those of FrechetDistance and ExtrapolateFrechetDistance.
absl::StatusOr<Measurement> MeasureFrechet(Metric metric, const Evidence& evidence,
                                           SoundNetwork network, uint64_t seed);

// Those of density, coverage, precision and recall that are in `metrics`. Errors are those of
// MeasureManifolds.
absl::StatusOr<std::vector<Measurement>> MeasureNeighbourhoods(const std::vector<Metric>& metrics,
                                                               const Evidence& evidence,
                                                               SoundNetwork network, uint64_t seed);

// Errors are those of MeasureKernelDistance.
absl::StatusOr<Measurement> MeasureKad(const Evidence& evidence, SoundNetwork network,
                                       uint64_t seed);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_SET_MEASURES_H_
