// What a file's packets say about its frames, found by reading them all without decoding.
#ifndef VIDMUSE_VIDEO_PACKET_INDEX_H_
#define VIDMUSE_VIDEO_PACKET_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/video/video_file.h"
#include "vidmuse/types.h"

namespace vidmuse {

struct PacketIndex {
  // Packets that are shown: those that an edit list cuts away, and VP8's hidden ones, don't count.
  int64_t frames = 0;
  int64_t packets = 0;  // all of the video stream
  // Presentation times of the shown packets in the stream's time base, ascending; empty when one is
  // missing or two are equal or they don't follow the order of the packets, so that they don't tell
  // the frames apart.
  std::vector<int64_t> pts;
  // What is there of all sound and video streams that were read, from the first start to the last
  // end, and of the video stream; 0 if it is unknown. Jumps of the clock and times that lie are
  // left out (stream_clock.h).
  int64_t span_us = 0;
  int64_t video_span_us = 0;
  int64_t start_us = 0;  // the first time of all; 0 if `span_us` is
  bool steady = true;    // no stream's clock jumped, and no time lied
  // The longest stretch that is in the spans and yet has no packet of the video.
  int64_t longest_gap_us = 0;
};

// Reads `file` to its end. INVALID_ARGUMENT: more frames than the limits on seconds and frames a
// second allow.
absl::StatusOr<PacketIndex> IndexPackets(VideoFile& file, const Limits& limits);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PACKET_INDEX_H_
