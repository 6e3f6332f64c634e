// The frames sampled from one video, on which a model is conditioned.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_VIDEO_FRAMES_H_
#define VIDMUSE_MODEL_ARCHITECTURE_VIDEO_FRAMES_H_

#include <cstdint>
#include <vector>

namespace vidmuse {

inline constexpr int kFrameSize = 224;      // pixels, width and height
inline constexpr int kLocalFrameRate = 2;   // local frames per second of video
inline constexpr int kGlobalFrames = 32;    // spread over the whole video
inline constexpr int kTokensPerFrame = 50;  // CLIP's class token and 7 x 7 patches

// Equal frames (padding, stills, a frame that is both local and global) are stored once.
struct VideoFrames {
  // Whole seconds of music to make: the video's length, truncated, or the limit.
  int seconds = 0;
  // Distinct frames, each RGB planes [3, 224, 224] of uint8.
  std::vector<std::vector<uint8_t>> frames;
  std::vector<int> local;   // [2 * seconds] indices into `frames`
  std::vector<int> global;  // [32] indices into `frames`
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_VIDEO_FRAMES_H_
