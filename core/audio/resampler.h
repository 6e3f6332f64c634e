// Changes a signal's sample rate.
#ifndef VIDMUSE_AUDIO_RESAMPLER_H_
#define VIDMUSE_AUDIO_RESAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// The number of samples that Resample makes of `samples` samples: samples * to / from, rounded down
// after it is rounded to float32, as the published code computes it.
int64_t ResampledSize(int64_t samples, int from, int to);

// Resamples with a windowed sinc filter (J. O. Smith, "Digital Audio Resampling") as
// julius.resample_frac does with its defaults: 24 zero crossings, a roll-off at 0.945 of the lower
// Nyquist frequency, a squared cosine as the window, each phase's filter normalised to a sum of 1,
// and the signal continued by its first and last sample. Equal rates return the signal as it is.
// `from` and `to` are in Hz, at least 1; `samples` isn't empty. Throws std::bad_alloc.
std::vector<float> Resample(absl::Span<const float> samples, int from, int to);

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_RESAMPLER_H_
