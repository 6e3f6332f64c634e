// LAION-CLAP's features of music.
#ifndef VIDMUSE_EXTRACTORS_CLAP_MUSIC_H_
#define VIDMUSE_EXTRACTORS_CLAP_MUSIC_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"

namespace vidmuse {

// Sounds become mono at 48 kHz, and their samples whole numbers of 16 bits, as in laion_clap's
// get_audio_embedding_from_filelist. A sound of up to 10 s is repeated as often as that fits into
// 10 s, followed by silence, and gives what the original gives.
//
// Of a longer sound the original takes 10 s at random. Here windows of 10 s follow each other from
// the start on, the last of which is there if at least half of it is; the row is the mean of their
// vectors, scaled to length 1 again. Errors are those of OpenSoundExtractor.
absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenClapMusic(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_CLAP_MUSIC_H_
