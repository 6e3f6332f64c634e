// A video file in memory: its header and its packets.
#ifndef VIDMUSE_VIDEO_VIDEO_FILE_H_
#define VIDMUSE_VIDEO_VIDEO_FILE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/video/decode_watch.h"
#include "core/video/growing_file.h"
#include "core/video/memory_input.h"
#include "vidmuse/limits.h"

struct AVFormatContext;
struct AVPacket;
struct AVStream;

namespace vidmuse {

// Returns INVALID_ARGUMENT with the limit that a frame of `width` x `height` exceeds, if any.
absl::Status CheckFrameSize(int64_t width, int64_t height, const Limits& limits);

// What the header claims. None of it has to be true.
struct VideoHeader {
  int width = 0;  // as stored, before rotation; 0 if the header lacks it
  int height = 0;
  int bytes_per_pixel = 0;  // of a decoded frame in memory, rounded up
  int rotation = 0;         // clockwise, to be shown upright: 0, 90, 180 or 270 degrees
  double frame_rate = 0;    // average frames per second; 0 if unknown
  // Length of the container; 0 if it is missing or only guessed from the bit rate.
  int64_t duration_us = 0;
  int64_t stated_frames = 0;    // of the video stream, by the header alone; 0 if it doesn't tell
  int64_t indexed_packets = 0;  // of the video stream, in the header's index; 0 if it has none
  bool clock_may_jump = false;  // the container lets times start anew in the middle
};

// Not thread-safe.
class VideoFile {
 public:
  // Reads the header and picks the best video stream, as av_find_best_stream does, but never a
  // cover picture. Containers: MP4, MOV, WebM, Matroska, AVI, MPEG-TS, MPEG-PS, FLV, ASF, Ogg, MXF,
  // GIF, animated PNG. Opens nothing but `bytes`. `bytes` and `watch` must outlive the file. With
  // `ignore_edits`, edit lists are ignored. INVALID_ARGUMENT: the file is no video (the message
  // says what it is, if known), has no video stream, has too many streams or has too large frames.
  // Other errors are the watch's.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Open(absl::string_view bytes,
                                                         const Limits& limits,
                                                         const DecodeWatch& watch,
                                                         bool ignore_edits = false);
  // The same for a file that still grows, which is read from its beginning on and only once. What
  // stands at its end is not in the header then.
  static absl::StatusOr<std::unique_ptr<VideoFile>> OpenGrowing(GrowingFile& growing,
                                                                const Limits& limits,
                                                                const DecodeWatch& watch);
  ~VideoFile();
  VideoFile(const VideoFile&) = delete;
  VideoFile& operator=(const VideoFile&) = delete;

  const VideoHeader& header() const { return header_; }
  const AVStream& stream() const { return *stream_; }
  // Returns any stream of the file, by a packet's stream index.
  const AVStream& stream(int index) const;

  // From now on, NextPacket leaves out the packets of all streams but the video.
  void KeepOnlyVideo();
  // From now on, NextPacket leaves out packets that are neither the video's nor sound.
  void KeepSoundAndVideo();

  // Reads the next packet into `packet`, whose old content is dropped. Returns false when nothing
  // more can be read. Skips damaged stretches. Errors are the watch's.
  absl::StatusOr<bool> NextPacket(AVPacket* packet);

 private:
  VideoFile(absl::string_view bytes, const DecodeWatch& watch);
  VideoFile(GrowingFile& growing, const DecodeWatch& watch);
  absl::Status ReadHeader(const Limits& limits, bool ignore_edits);
  absl::Status WhyNotOpened(int error) const;
  absl::Status PickStream(const Limits& limits);

  const absl::string_view bytes_;  // empty if the file grows
  const DecodeWatch& watch_;
  MemoryInput input_;
  AVFormatContext* format_ = nullptr;
  AVStream* stream_ = nullptr;
  VideoHeader header_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_FILE_H_
