// A source of a video's bytes. It can be read at any offset, because a retry reads them again.
#ifndef VIDMUSE_CLIENT_VIDEO_SOURCE_H_
#define VIDMUSE_CLIENT_VIDEO_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Immutable and thread-safe.
class VideoSource {
 public:
  // Opens a regular file, which is read piece by piece. Fails with NOT_FOUND, PERMISSION_DENIED or
  // INVALID_ARGUMENT, and names the path.
  static absl::StatusOr<std::unique_ptr<VideoSource>> OpenFile(const std::string& path);

  // Reads `fd` to its end into an unnamed temporary file in TMPDIR or /tmp. Fails with
  // INVALID_ARGUMENT if there are more than `max_bytes` or none, or with the system's reason.
  static absl::StatusOr<std::unique_ptr<VideoSource>> Spool(int fd, uint64_t max_bytes);

  // Uses `bytes` without a copy, so the caller must keep them alive.
  static std::unique_ptr<VideoSource> FromMemory(absl::string_view bytes);

  virtual ~VideoSource() = default;

  virtual uint64_t size() const = 0;

  // Reads exactly `length` bytes at `offset` into `out`. The range must lie within size(). Fails
  // with DATA_LOSS if the file has shrunk.
  virtual absl::Status ReadAt(uint64_t offset, size_t length, std::string* out) const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_VIDEO_SOURCE_H_
