// ImageBind's features of sounds.
#ifndef VIDMUSE_EXTRACTORS_IMAGEBIND_SOUND_H_
#define VIDMUSE_EXTRACTORS_IMAGEBIND_SOUND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"

namespace vidmuse {

enum class ImageBindParts {
  kPublished,  // one row: the mean over the clips that the published code picks
  kDense,      // a row for each window of 2 s
};

// Sounds are resampled to 16 kHz as torchaudio does it. As in the published code, the filter bank
// is that of the first channel, and a clip's mean is that of all channels; each row is a vector of
// length 1 times the file's scale (20), and the published row is the mean of three of them. A sound
// must have at least 25 ms. Errors are those of OpenSoundExtractor.
absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenImageBindSound(const std::string& path,
                                                                   ImageBindParts parts);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_IMAGEBIND_SOUND_H_
