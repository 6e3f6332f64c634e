// Where the stages' sounds and pictures come from.
#ifndef VIDMUSE_CURATE_SOURCES_H_
#define VIDMUSE_CURATE_SOURCES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"
#include "core/video/picture_order.h"

namespace vidmuse::curate {

// As ReadSound (core/extractors/read_sound.h). Thread-safe.
using SoundSource =
    std::function<absl::StatusOr<Sound>(const std::string& path, double most_seconds)>;

// As ReadPictures (core/extractors/read_pictures.h). Thread-safe.
using PictureSource = std::function<absl::StatusOr<PictureInfo>(
    const std::string& path, const PictureOrder& order, TakePicture take)>;

// Longer sounds aren't read.
inline constexpr double kMostSoundSeconds = 3600;

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_SOURCES_H_
