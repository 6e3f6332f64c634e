// What every network asks of a sound.
#ifndef VIDMUSE_EXTRACTORS_CHECK_SAMPLES_H_
#define VIDMUSE_EXTRACTORS_CHECK_SAMPLES_H_

#include "absl/status/status.h"
#include "core/extractors/features.h"

namespace vidmuse {

// INVALID_ARGUMENT: the sound has no channels, no samples, channels of different lengths, a sample
// that isn't finite, or a sample rate outside 1000 to 384000 Hz.
absl::Status CheckSamples(const Sound& sound);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_CHECK_SAMPLES_H_
