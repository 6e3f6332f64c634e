// Converts a frame's pixels to the patches that CLIP ViT-B/32 takes.
#ifndef VIDMUSE_MODEL_CONDITIONER_FRAME_PATCHES_H_
#define VIDMUSE_MODEL_CONDITIONER_FRAME_PATCHES_H_

#include <cstdint>

namespace vidmuse {

// Normalises a frame's bytes to (x / 255 - mean) / std of each channel, and arranges them by patch.
// `frame`: RGB planes [3][224][224]. `patches`: [50][3][32][32]; the first patch, the class
// token's, is left unchanged.
void ReadPatches(const uint8_t* frame, float* patches);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_FRAME_PATCHES_H_
