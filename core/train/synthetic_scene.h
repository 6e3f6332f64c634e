// The picture of a synthetic clip: shapes that move over a coloured ground, in a few shots.
#ifndef VIDMUSE_TRAIN_SYNTHETIC_SCENE_H_
#define VIDMUSE_TRAIN_SYNTHETIC_SCENE_H_

#include <cstdint>

#include "core/train/clip_spec.h"

namespace vidmuse::train {

// The frame at `time` seconds, RGB planes [3][size][size].
void RenderScene(const ClipSpec& spec, double time, int size, uint8_t* planes);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_SYNTHETIC_SCENE_H_
