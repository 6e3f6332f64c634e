// Whether a clip's picture moves.
#ifndef VIDMUSE_CURATE_STATIC_STAGE_H_
#define VIDMUSE_CURATE_STATIC_STAGE_H_

#include <memory>

#include "core/curate/sources.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

// The stage "static". It looks at one grey picture a second, scaled to a short side of 180, and
// measures
//
//   pictures       how many
//   similarity     mean StructuralSimilarity of pictures that follow each other; 1 if there is one
//   most_similar_window   the largest mean of 10 such pairs in a row, or of all if there are fewer
//   freeze_share   of the pairs, those that differ by under 1/1000 of full scale on average
//   black_share    of the pictures, those that are black
std::unique_ptr<Stage> NewStaticStage(PictureSource pictures);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_STATIC_STAGE_H_
