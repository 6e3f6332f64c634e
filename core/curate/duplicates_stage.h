// What a clip sounds like, in a form by which near-duplicates are found.
#ifndef VIDMUSE_CURATE_DUPLICATES_STAGE_H_
#define VIDMUSE_CURATE_DUPLICATES_STAGE_H_

#include <memory>

#include "core/curate/sources.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

// The stage "duplicates". It measures `fingerprint`, Chromaprint's own text form of the fingerprint
// (algorithm 2) of the first two minutes, and `fingerprint_items`, its length. Which clips are
// duplicates is found when all are known (FindDuplicates).
std::unique_ptr<Stage> NewDuplicatesStage(SoundSource sounds);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_DUPLICATES_STAGE_H_
