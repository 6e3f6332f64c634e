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
  // missing or two are equal, so that they don't tell the frames apart.
  std::vector<int64_t> pts;
  int64_t span_us = 0;        // first start to last end over all streams read; 0 if unknown
  int64_t video_span_us = 0;  // likewise, of the video stream
};

// Reads `file` to its end; the streams it leaves out don't count for `span_us`. INVALID_ARGUMENT:
// more frames than the limits on seconds and frames a second allow.
absl::StatusOr<PacketIndex> IndexPackets(VideoFile& file, const Limits& limits);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PACKET_INDEX_H_
