// FFmpeg's access to a VideoSource.
#ifndef VIDMUSE_CLIENT_MUX_SOURCE_INPUT_H_
#define VIDMUSE_CLIENT_MUX_SOURCE_INPUT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/mux/media_handles.h"
#include "client/video_source.h"

namespace vidmuse {

// An opened video. Nothing but the source is read, whatever the file refers to.
class SourceInput {
 public:
  // Throws std::bad_alloc.
  explicit SourceInput(const VideoSource& source);
  ~SourceInput();
  SourceInput(const SourceInput&) = delete;
  SourceInput& operator=(const SourceInput&) = delete;

  // INVALID_ARGUMENT: it isn't a video that FFmpeg reads.
  absl::Status Open();
  AVFormatContext* format() { return format_; }
  // Reads the next packet. false: there is none. A damaged end counts as the end.
  absl::StatusOr<bool> Read(AVPacket* packet);

 private:
  static int ReadBytes(void* self, uint8_t* buffer, int size);
  static int64_t Seek(void* self, int64_t offset, int whence);

  const VideoSource& source_;
  int64_t position_ = 0;
  std::string bytes_;
  absl::Status status_;  // the source's first error
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_MUX_SOURCE_INPUT_H_
