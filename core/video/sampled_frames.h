// Which frames of a video are sampled, and the whole of them once they are decoded.
#ifndef VIDMUSE_VIDEO_SAMPLED_FRAMES_H_
#define VIDMUSE_VIDEO_SAMPLED_FRAMES_H_

#include <cstdint>
#include <vector>

#include "core/model/architecture/video_frames.h"
#include "core/video/distinct_frames.h"
#include "core/video/frame_part.h"

namespace vidmuse {

struct SampledFrames {
  int seconds = 0;              // of music
  std::vector<int64_t> wanted;  // numbers of the frames, ascending and distinct
  std::vector<int> local;       // [2 * seconds, or those of a part] positions in `wanted`
  std::vector<int> global;      // [32, or none] positions in `wanted`
};

// Returns what a part needs of a whole video's frames.
SampledFrames PartOf(const SampledFrames& all, const FramePart& part);

// Puts stored frames in order. stored[i] is the index in `store` of the frame at position i in
// `frames.wanted`.
VideoFrames AssembleFrames(const SampledFrames& frames, const std::vector<int>& stored,
                           DistinctFrames store);
// Puts decoded frames in order. `pixels` holds planes [3, 224, 224] for each position in
// `frames.wanted`. Of equal frames only the first is kept.
VideoFrames AssembleFrames(const SampledFrames& frames, std::vector<std::vector<uint8_t>> pixels);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SAMPLED_FRAMES_H_
