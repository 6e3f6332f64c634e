// A video file in memory: its header and its packets.
#ifndef VIDMUSE_VIDEO_VIDEO_FILE_H_
#define VIDMUSE_VIDEO_VIDEO_FILE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/video/decode_watch.h"
#include "core/video/memory_input.h"
#include "vidmuse/types.h"

struct AVFormatContext;
struct AVPacket;
struct AVStream;

namespace vidmuse {

// INVALID_ARGUMENT names the limit that a frame of `width` x `height` exceeds.
absl::Status CheckFrameSize(int64_t width, int64_t height, const Limits& limits);

// What the header says. None of it has to be true.
struct VideoHeader {
  int width = 0;  // as stored: before rotation; 0 if the header lacks it
  int height = 0;
  int rotation = 0;       // 0, 90, 180 or 270 degrees clockwise, to be shown upright
  double frame_rate = 0;  // average, frames a second; 0 if unknown
  int64_t duration_us =
      0;  // of the container; 0 if it is missing or only a guess from the bit rate
  int64_t indexed_packets = 0;  // of the video stream, in the header's index; 0 if it has none
  bool clock_may_jump = false;  // the container lets times start anew in the middle
};

// Not thread-safe.
class VideoFile {
 public:
  // Reads the header and picks the best video stream, as av_find_best_stream does, but never a
  // cover picture. Containers: MP4, MOV, WebM, Matroska, AVI, MPEG-TS, MPEG-PS, FLV, ASF, Ogg, MXF,
  // GIF, animated PNG. Opens nothing but `bytes`, which outlive the file, as `watch` does.
  // INVALID_ARGUMENT: not a video (with what it is, if that is known), no video stream, too many
  // streams, too large a frame.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Open(absl::string_view bytes,
                                                         const Limits& limits,
                                                         const DecodeWatch& watch,
                                                         bool ignore_edits = false);
  ~VideoFile();
  VideoFile(const VideoFile&) = delete;
  VideoFile& operator=(const VideoFile&) = delete;

  const VideoHeader& header() const { return header_; }
  const AVStream& stream() const { return *stream_; }
  // Of any stream of the file, by a packet's stream index.
  const AVStream& stream(int index) const;

  // From now on, packets of other streams than the video's are left out.
  void KeepOnlyVideo();
  // From now on, packets that are neither the video's nor sound are left out.
  void KeepSoundAndVideo();

  // Reads the next packet into `packet`, dropping what it held. False at the end of what can be
  // read. Damaged stretches are passed over. The error is the watch's.
  absl::StatusOr<bool> NextPacket(AVPacket* packet);

 private:
  VideoFile(absl::string_view bytes, const DecodeWatch& watch);
  absl::Status ReadHeader(const Limits& limits, bool ignore_edits);
  absl::Status WhyNotOpened(int error) const;
  absl::Status PickStream(const Limits& limits);

  const absl::string_view bytes_;
  const DecodeWatch& watch_;
  MemoryInput input_;
  AVFormatContext* format_ = nullptr;
  AVStream* stream_ = nullptr;
  VideoHeader header_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_FILE_H_
