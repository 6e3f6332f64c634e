// Resampling as librosa.load does it.
#ifndef VIDMUSE_EXTRACTORS_SOXR_RESAMPLER_H_
#define VIDMUSE_EXTRACTORS_SOXR_RESAMPLER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse {

// Returns ceil(samples * to / from) samples, as librosa.resample with its default "soxr_hq": by
// libsoxr at high quality, which is the same library. Rates are in Hz, above 0. INTERNAL: libsoxr
// fails. Thread-safe.
absl::StatusOr<std::vector<float>> SoxrResample(absl::Span<const float> samples, int from, int to);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_SOXR_RESAMPLER_H_
