// A sound as audioldm_eval hands it to its networks.
#ifndef VIDMUSE_EXTRACTORS_AUDIOLDM_SOUND_H_
#define VIDMUSE_EXTRACTORS_AUDIOLDM_SOUND_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse {

// Returns the first channel, less its mean, resampled to `rate` Hz as torchaudio does, and followed
// by zeros to 32,000 samples if it is shorter (audioldm_eval 8dc07ee, datasets/load_mel.py). Errors
// are those of CheckSamples.
absl::StatusOr<std::vector<float>> AudioldmSound(const Sound& sound, int rate);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_AUDIOLDM_SOUND_H_
