// Whether a clip's sound is music.
#ifndef VIDMUSE_CURATE_MUSIC_STAGE_H_
#define VIDMUSE_CURATE_MUSIC_STAGE_H_

#include <memory>

#include "core/curate/sources.h"
#include "core/curate/stage.h"
#include "core/extractors/extractor.h"

namespace vidmuse::curate {

// A frame has a sound if its probability is over this, as in the paper.
inline constexpr double kLeastProbability = 0.5;

// The stage "music", with a detector as DetectSounds takes it, which must outlive it. It measures
// music_share, speech_share and singing_share, and the same of each second as music_by_second, ...
std::unique_ptr<Stage> NewMusicStage(SoundSource sounds, const SoundExtractor* detector);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_MUSIC_STAGE_H_
