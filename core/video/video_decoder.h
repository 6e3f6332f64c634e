// Decodes the packets of a video stream to frames.
#ifndef VIDMUSE_VIDEO_VIDEO_DECODER_H_
#define VIDMUSE_VIDEO_VIDEO_DECODER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/video/video_file.h"
#include "vidmuse/limits.h"

struct AVCodecContext;
struct AVFrame;
struct AVPacket;

namespace vidmuse {

// Uses one thread, so that even damaged streams decode the same each time. Not thread-safe.
class VideoDecoder {
 public:
  // INVALID_ARGUMENT means that the codec is not supported or its header is damaged. `limits` must
  // outlive the decoder.
  static absl::StatusOr<std::unique_ptr<VideoDecoder>> Create(const VideoFile& file,
                                                              const Limits& limits);
  ~VideoDecoder();
  VideoDecoder(const VideoDecoder&) = delete;
  VideoDecoder& operator=(const VideoDecoder&) = delete;

  // True if pictures to which no other one refers can be left out safely.
  bool CanSkip() const { return can_skip_; }

  // Takes a packet, or null at the end of the stream. After each call, call Receive until it
  // returns false. With `skip` the packet's picture may be left out. Damage is counted and is no
  // error: the only error is INVALID_ARGUMENT for a frame larger than the limits.
  absl::Status Send(const AVPacket* packet, bool skip);

  // Takes the next frame, in presentation order. Returns false if there is none until the next
  // packet. Errors are the same as for Send.
  absl::StatusOr<bool> Receive(AVFrame* frame);

  // Prepares for packets that don't continue those before. Frames not yet received are lost, but
  // parameters that came with earlier packets still hold.
  void Restart();

  // From now on, MayLackParts can tell whether a picture lacks blocks that its packet should have.
  // Some decoders show an older picture there, and report no error.
  void FindCuts();
  // True if the frame's packet may have been damaged. What damaged fields lack is neither concealed
  // nor reported, so frames of fields count as well.
  bool MayLackParts(const AVFrame& frame) const;

  int64_t errors() const { return errors_; }

 private:
  explicit VideoDecoder(const Limits& limits) : limits_(limits) {}
  bool IsCut(const AVFrame& frame) const;
  static int GetBuffer(AVCodecContext* context, AVFrame* frame, int flags);

  const Limits& limits_;
  AVCodecContext* context_ = nullptr;
  bool can_skip_ = false;
  bool marks_ = false;  // blocks are marked before they are decoded
  int marked_width_ = 0;
  int marked_height_ = 0;
  int64_t errors_ = 0;
  absl::Status too_large_;  // set by GetBuffer
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_DECODER_H_
