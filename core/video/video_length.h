// How long a video is, judged from its header and its packets.
#ifndef VIDMUSE_VIDEO_VIDEO_LENGTH_H_
#define VIDMUSE_VIDEO_VIDEO_LENGTH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/video/packet_index.h"
#include "core/video/video_file.h"
#include "vidmuse/limits.h"

namespace vidmuse {

struct VideoLength {
  int64_t us = 0;  // microseconds from the first frame on; 0 if unknown
  // True if `us` is the header's length and the header's frame rate can be trusted.
  bool header_is_right = false;
};

// Returns the header's length, as the published code does, except where no player would show it. If
// the first frame comes later than 0, the length counts from there. The packets' length is used
// instead if it is less than half or more than double the header's, or if a clock isn't steady
// (PacketIndex::steady) and the two differ by 0.5 s or more.
VideoLength LengthOf(const VideoHeader& header, const PacketIndex& index);

// Returns INVALID_ARGUMENT if the file is empty or has more bytes than the limit.
absl::Status CheckFileSize(absl::string_view file, const Limits& limits);

// Returns INVALID_ARGUMENT if the length is under 1 s or over the limit.
absl::Status CheckLength(int64_t length_us, const PacketIndex& index, const Limits& limits);

// Returns the frames a second by which frames are counted: the header's, as the published code
// does, or the measured ones if the header has none or can't be trusted. INVALID_ARGUMENT: more are
// measured than the limit.
absl::StatusOr<double> FrameRate(const VideoHeader& header, const PacketIndex& index,
                                 const VideoLength& length, const Limits& limits);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_LENGTH_H_
