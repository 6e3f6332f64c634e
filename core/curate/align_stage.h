// How well a clip's music fits its picture.
#ifndef VIDMUSE_CURATE_ALIGN_STAGE_H_
#define VIDMUSE_CURATE_ALIGN_STAGE_H_

#include <memory>

#include "core/curate/sources.h"
#include "core/curate/stage.h"
#include "core/extractors/extractor.h"

namespace vidmuse::curate {

// The stage "align". The sound is what the stage "separate" left, or the clip's own without that
// stage. It measures
//
//   imagebind        cosine of ImageBind's embeddings of the sound and of the picture, which ranks
//                    the clips, as in the paper
//   events           a second opinion that shares no network with it, so that clips aren't chosen
//                    and judged by the same one: EventAgreement (events.h). Null if either never
//                    changes
//
// `sound` and `picture` are ImageBind's extractors; they must outlive the stage.
std::unique_ptr<Stage> NewAlignStage(SoundSource sounds, PictureSource pictures,
                                     const SoundExtractor* sound, const PictureExtractor* picture);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_ALIGN_STAGE_H_
