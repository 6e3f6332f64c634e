// Where the stages' sounds and pictures come from.
#ifndef VIDMUSE_CURATE_SOURCES_H_
#define VIDMUSE_CURATE_SOURCES_H_

#include "core/extractors/read_pictures.h"  // IWYU pragma: export
#include "core/extractors/read_sound.h"     // IWYU pragma: export

namespace vidmuse::curate {

// Longer sounds aren't read.
inline constexpr double kMostSoundSeconds = 3600;

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_SOURCES_H_
