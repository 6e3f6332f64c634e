// The frames a model is conditioned on, as sampled from one video.
#ifndef VIDMUSE_MODEL_VIDEO_FRAMES_H_
#define VIDMUSE_MODEL_VIDEO_FRAMES_H_

#include <cstdint>
#include <vector>

namespace vidmuse {

inline constexpr int kFrameSize = 224;       // pixels, both ways
inline constexpr int kLocalFrameRate = 2;    // local frames a second of video
inline constexpr int kGlobalFrames = 32;     // spread over the whole video

// Equal frames (padding, stills, a frame that is both local and global) are held once.
struct VideoFrames {
  int seconds = 0;  // whole seconds of music to make: the video's length, truncated, or the limit
  // Distinct frames, each RGB planes [3, 224, 224] of uint8.
  std::vector<std::vector<uint8_t>> frames;
  std::vector<int> local;   // [2 * seconds] indices into `frames`
  std::vector<int> global;  // [32] indices into `frames`
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_VIDEO_FRAMES_H_
