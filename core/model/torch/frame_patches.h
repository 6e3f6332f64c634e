// A frame's pixels as CLIP ViT-B/32 takes them.
#ifndef VIDMUSE_MODEL_TORCH_FRAME_PATCHES_H_
#define VIDMUSE_MODEL_TORCH_FRAME_PATCHES_H_

#include <cstdint>

namespace vidmuse {

inline constexpr int kPatchSize = 32;  // pixels, both ways
inline constexpr int kPatchFloats = 3 * kPatchSize * kPatchSize;

// Normalises a frame's bytes, x / 255, minus mean, over std of each channel, and lays them out by
// patch. `frame`: RGB planes [3][224][224]; `patches`: [50][3][32][32], whose first patch, the
// class token's, is left as it is.
void ReadPatches(const uint8_t* frame, float* patches);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_FRAME_PATCHES_H_
