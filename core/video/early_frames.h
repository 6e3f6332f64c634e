// Decodes a video while its file still grows.
#ifndef VIDMUSE_VIDEO_EARLY_FRAMES_H_
#define VIDMUSE_VIDEO_EARLY_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/video/growing_file.h"
#include "core/video/packet_index.h"
#include "vidmuse/limits.h"

struct AVPacket;

namespace vidmuse {

class VideoFile;

// Tells whether two readings of a file gave the same packets, and the same decoder's settings.
class PacketDigest {
 public:
  explicit PacketDigest(const VideoFile& file);
  void Add(const AVPacket& packet);
  int64_t packets() const { return packets_; }
  bool operator==(const PacketDigest&) const = default;

 private:
  int64_t packets_ = 0;
  size_t hash_ = 0;
};

// What is known of a video before its file is complete. How many frames it has, and so which of
// them are wanted, is a guess; the pixels are those of decoding the packets in order, without any
// damage.
struct EarlyFrames {
  // Of the video stream's first packets, all that were read. Empty: nothing was decoded.
  std::optional<PacketDigest> digest;
  // The lowest layer of pictures that were left out, since no other seemed to refer to them.
  std::optional<int> left_out_layer;
  std::map<int64_t, std::vector<uint8_t>> pixels;  // [3, 224, 224] by presentation time
};

// Decodes what the first part of the video, with `count` local frames, will probably need, until
// the file is complete. `begun` is called when the first frame is there.
//
// In files that tell their number of frames in front (MP4 with its index there) the global frames
// are known. In others (fragmented MP4, Matroska, WebM, MPEG-TS) all frames are kept until they are
// as many as are wanted of the longest video, or half as many if the header has a duration; then
// come the frames about where that puts the global ones. Nothing comes of files that can't be read
// from front to end (MP4 with its index behind), of codecs other than H.264, HEVC and VP9, and of
// damaged files.
//
// It begins once FFmpeg is sure of the streams, which takes 5 s of the video at most (7 s of
// MPEG-TS), or 5 MB.
EarlyFrames DecodeWhileItGrows(GrowingFile& growing, const Limits& limits, int max_seconds,
                               int count, const std::function<void()>& begun);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_EARLY_FRAMES_H_
