// Packets of a video stream to frames.
#ifndef VIDMUSE_VIDEO_VIDEO_DECODER_H_
#define VIDMUSE_VIDEO_VIDEO_DECODER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/video/video_file.h"
#include "vidmuse/types.h"

struct AVCodecContext;
struct AVFrame;
struct AVPacket;

namespace vidmuse {

// One thread, so that damaged streams too decode the same each time. Not thread-safe.
class VideoDecoder {
 public:
  // INVALID_ARGUMENT: the codec is not supported, or its header is damaged. `limits` outlive the
  // decoder.
  static absl::StatusOr<std::unique_ptr<VideoDecoder>> Create(const VideoFile& file,
                                                              const Limits& limits);
  ~VideoDecoder();
  VideoDecoder(const VideoDecoder&) = delete;
  VideoDecoder& operator=(const VideoDecoder&) = delete;

  // True if pictures that no other one refers to can be left out safely.
  bool CanSkip() const { return can_skip_; }

  // Takes a packet, or with null the end of the stream; call Receive until it returns false after
  // each. With `skip` its picture may be left out. Damage is counted, not an error: the only one is
  // INVALID_ARGUMENT for a frame larger than the limits.
  absl::Status Send(const AVPacket* packet, bool skip);

  // Takes the next frame, in presentation order. False: there is none until the next packet. The
  // error is as Send's.
  absl::StatusOr<bool> Receive(AVFrame* frame);

  int64_t errors() const { return errors_; }

 private:
  explicit VideoDecoder(const Limits& limits) : limits_(limits) {}
  static int GetBuffer(AVCodecContext* context, AVFrame* frame, int flags);

  const Limits& limits_;
  AVCodecContext* context_ = nullptr;
  bool can_skip_ = false;
  int64_t errors_ = 0;
  absl::Status too_large_;  // set by GetBuffer
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_DECODER_H_
