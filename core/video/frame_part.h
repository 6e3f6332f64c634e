// A part of a video's frames.
#ifndef VIDMUSE_VIDEO_FRAME_PART_H_
#define VIDMUSE_VIDEO_FRAME_PART_H_

#include <algorithm>
#include <limits>

#include "core/model/architecture/video_frames.h"
#include "vidmuse/alignment.h"

namespace vidmuse {

// Local frames that follow one another. The first part has the global frames too. All parts of a
// video have the same alignment.
struct FramePart {
  int first = 0;
  int count = std::numeric_limits<int>::max();  // fewer if the video ends before
  Alignment alignment = Alignment::kReference;

  bool operator==(const FramePart&) const = default;
  bool has_global() const { return first == 0; }
  // How many local frames the part has in a video of `seconds`.
  int size(int seconds) const { return std::clamp(kLocalFrameRate * seconds - first, 0, count); }
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_PART_H_
