// Resampling as librosa did it by default when many networks were published.
#ifndef VIDMUSE_EXTRACTORS_KAISER_RESAMPLER_H_
#define VIDMUSE_EXTRACTORS_KAISER_RESAMPLER_H_

#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// Returns ceil(samples * to / from) samples, as librosa.resample with res_type "kaiser_best" does
// through resampy 0.4: a sinc with 50 zero crossings under a Kaiser window, read from a table.
// Rates are in Hz, above 0. Thread-safe.
std::vector<float> KaiserResample(absl::Span<const float> samples, int from, int to);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_KAISER_RESAMPLER_H_
