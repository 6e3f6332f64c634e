// What a file's packets tell about its frames. All packets are read but none is decoded.
#ifndef VIDMUSE_VIDEO_PACKET_INDEX_H_
#define VIDMUSE_VIDEO_PACKET_INDEX_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/video/picture_scan.h"
#include "core/video/sampling_rules.h"
#include "core/video/video_file.h"
#include "vidmuse/limits.h"

struct AVPacket;
struct AVStream;

namespace vidmuse {

// One packet of the video stream.
struct StoredPacket {
  int64_t pts = 0;
  bool shown = false;
  PictureTraits traits;  // meaningless unless PacketIndex::separable
};

struct PacketIndex {
  // Packets that are shown, without those cut away by an edit list and VP8's hidden frames.
  int64_t frames = 0;
  int64_t packets = 0;  // of the video stream, shown or not
  // Presentation times of the shown packets in the stream's time base, ascending. Empty if they
  // can't tell the frames apart: one is missing, two are equal, or the video's clock isn't steady.
  std::vector<int64_t> pts;
  // When the frames are shown, in the order in which they are. Known even if `pts` is empty, but
  // `at` is empty if no packet has a time.
  FrameTimes times;
  // All packets of the video stream, in the order in which they are stored.
  std::vector<StoredPacket> stored;
  // True if the stream can be decoded from each PictureTraits::starts_group on (picture_scan.h).
  bool separable = false;
  int top_layer = 0;  // the highest PictureTraits::layer
  // True if no picture refers to that of the packet stored at `number`.
  bool IsUnreferenced(size_t number) const {
    return separable && number < stored.size() && stored[number].traits.unreferenced &&
           stored[number].traits.layer == top_layer;
  }
  // `span_us` is the time from the first start to the last end of all sound and video streams read,
  // or the longest stream's length if a clock isn't steady; `video_span_us` is the video stream's
  // length. Both leave out jumps of the clock and wrong times (stream_clock.h); 0: unknown.
  int64_t span_us = 0;
  int64_t video_span_us = 0;
  int64_t start_us = 0;  // first time in any stream; 0 if `span_us` is 0
  bool steady = true;    // no stream's clock jumped, and none had a wrong time
  // The longest stretch within `video_span_us` that has no video packet.
  int64_t longest_gap_us = 0;
};

// True if the packet's frame is shown. VP8 stores reference frames that are never shown as packets
// of their own.
bool IsShown(const AVPacket& packet, const AVStream& stream);

// Reads `file` to its end. `visit` sees each packet of the video stream. INVALID_ARGUMENT means
// that the video has more packets than the limits on seconds and frames per second allow; other
// errors are the watch's.
absl::StatusOr<PacketIndex> IndexPackets(
    VideoFile& file, const Limits& limits,
    const std::function<void(const AVPacket&)>& visit = [](const AVPacket&) {});

// INVALID_ARGUMENT: only `good` of the video's `all` of `what` are there.
absl::Status TooDamaged(absl::string_view what, int64_t good, int64_t all);

// Returns INVALID_ARGUMENT if the packets are not those of a video: there are none, they are one
// still picture, or more than half of those that the header names are missing.
absl::Status CheckPackets(const VideoHeader& header, const PacketIndex& index,
                          absl::string_view file);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PACKET_INDEX_H_
