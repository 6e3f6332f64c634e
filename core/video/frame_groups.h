// Which packets must be decoded for which frames.
#ifndef VIDMUSE_VIDEO_FRAME_GROUPS_H_
#define VIDMUSE_VIDEO_FRAME_GROUPS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/video/packet_index.h"

namespace vidmuse {

// Packets, counted in the order in which they are stored, that can be decoded without any others
// but the first one of the stream, which may tell how to decode the rest.
struct FrameGroup {
  int64_t begin = 0;
  int64_t last = 0;  // the last packet that must be decoded
  // The packet at which decoding must have come to its end. It starts a group that forgets all
  // before it (or is the end of the stream), unless `followed` is set.
  int64_t end = 0;
  // If the next group doesn't forget this one: the time at which that group's first picture is
  // shown. Decoding must reach it, since damage in the pictures up to there could harm the next
  // group. `last` is then the first packet there whose picture can refer to that group only.
  std::optional<int64_t> followed;
  // Positions in the list of wanted frames.
  std::vector<int> frames;
};

// Returns the position in `wanted` of each wanted frame, by its time. `wanted` are indices of
// index.pts.
std::map<int64_t, int> PositionsByTime(const PacketIndex& index,
                                       const std::vector<int64_t>& wanted);

// Returns the groups that have all of the `wanted` frames, which are indices of index.pts, in the
// order of their first packets. A group without frames is there only because later ones don't
// forget it. Returns no group if the video must be decoded in order.
std::vector<FrameGroup> GroupFrames(const PacketIndex& index, const std::vector<int64_t>& wanted);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_GROUPS_H_
