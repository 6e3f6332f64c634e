// Reads a file's sound.
#ifndef VIDMUSE_EXTRACTORS_READ_SOUND_H_
#define VIDMUSE_EXTRACTORS_READ_SOUND_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse {

// Decodes the best audio stream of the sound or video file at `path`, with its own rate and
// channels. INVALID_ARGUMENT names the file: it has no sound, can't be decoded, or is longer than
// `most_seconds`. NOT_FOUND: there is no such file. Thread-safe.
absl::StatusOr<Sound> ReadSound(const std::string& path, double most_seconds);

// ReadSound, or what stands for it in tests. Thread-safe.
using SoundSource =
    std::function<absl::StatusOr<Sound>(const std::string& path, double most_seconds)>;

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_READ_SOUND_H_
