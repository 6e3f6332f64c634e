// How long a video is, by what its header says and what its packets show.
#ifndef VIDMUSE_VIDEO_VIDEO_LENGTH_H_
#define VIDMUSE_VIDEO_VIDEO_LENGTH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/video/packet_index.h"
#include "core/video/video_file.h"
#include "vidmuse/types.h"

namespace vidmuse {

struct VideoLength {
  int64_t us = 0;  // microseconds from the first frame on; 0 if it is unknown
  bool header_is_right =
      false;  // the header's length is this one, and its frame rate can be trusted
};

// The header's length, as the published code has it, but for what no player would show: where the
// first frame comes later than 0 it counts from there, and where the packets show less than half of
// what the header claims, more than double, or a clock that jumped, what they show counts.
VideoLength LengthOf(const VideoHeader& header, const PacketIndex& index);

// INVALID_ARGUMENT: under 1 s, or over the limit.
absl::Status CheckLength(int64_t length_us, const PacketIndex& index, const Limits& limits);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_LENGTH_H_
