// Where the bytes of a video come from. A retry reads them again, so a source can be read at any
// offset.
#ifndef VIDMUSE_CLIENT_VIDEO_SOURCE_H_
#define VIDMUSE_CLIENT_VIDEO_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Immutable, thread-safe.
class VideoSource {
 public:
  // Opens a regular file, which is read piece by piece. NOT_FOUND, PERMISSION_DENIED or
  // INVALID_ARGUMENT with the path.
  static absl::StatusOr<std::unique_ptr<VideoSource>> OpenFile(const std::string& path);

  // Reads `fd` to its end into a temporary file without a name, under TMPDIR or /tmp.
  // INVALID_ARGUMENT: more than `max_bytes`, or nothing; else the system's reason.
  static absl::StatusOr<std::unique_ptr<VideoSource>> Spool(int fd, uint64_t max_bytes);

  // Bytes that the caller keeps alive.
  static std::unique_ptr<VideoSource> FromMemory(absl::string_view bytes);

  virtual ~VideoSource() = default;

  virtual uint64_t size() const = 0;

  // Reads exactly `length` bytes at `offset`; both lie within size(). DATA_LOSS if the file has
  // shrunk.
  virtual absl::Status ReadAt(uint64_t offset, size_t length, std::string* out) const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_VIDEO_SOURCE_H_
