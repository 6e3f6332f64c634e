// Resampling as torchaudio does it, for networks that were trained behind it.
#ifndef VIDMUSE_EXTRACTORS_SINC_RESAMPLER_H_
#define VIDMUSE_EXTRACTORS_SINC_RESAMPLER_H_

#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// Returns ceil(samples * to / from) samples, as torchaudio.functional.resample with its defaults:
// a sinc with six zero crossings under a Hann window, rolled off at 0.99 of the lower rate. Rates
// are in Hz, above 0. Thread-safe.
std::vector<float> SincResample(absl::Span<const float> samples, int from, int to);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_SINC_RESAMPLER_H_
