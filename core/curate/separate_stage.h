// Removes the vocals from a clip's sound.
#ifndef VIDMUSE_CURATE_SEPARATE_STAGE_H_
#define VIDMUSE_CURATE_SEPARATE_STAGE_H_

#include <memory>

#include "core/curate/measurement_store.h"
#include "core/curate/sources.h"
#include "core/curate/stage.h"
#include "core/extractors/extractor.h"
#include "core/extractors/htdemucs.h"

namespace vidmuse::curate {

// The stage "separate". It writes what isn't vocals as a WAV file of 16 bits beside its measurement
// in `store`, scaled down if it would clip, and measures
//
//   path, sample_rate             of that file
//   vocals_share                  the vocals' part of the energy of vocals and rest
//   music_share, speech_share, singing_share   of what is left (DetectSounds)
//   removed_music_share           of what was removed: high where more than vocals went
//   silent_share                  of what is left
//
// The network, the detector and the store must outlive it.
std::unique_ptr<Stage> NewSeparateStage(SoundSource sounds, const HtDemucs* network,
                                        const SoundExtractor* detector,
                                        const MeasurementStore* store);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_SEPARATE_STAGE_H_
