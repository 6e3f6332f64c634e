// Maps a whole file as read-only memory.
#ifndef VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_
#define VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/unique_fd.h"

namespace vidmuse {

// Immutable and thread-safe. The bytes are read from the disk when they are used, so accessing them
// kills the process if the file was truncated or the disk fails. Read returns an error instead.
class MappedFile {
 public:
  // NOT_FOUND: there is no such file. INVALID_ARGUMENT: it isn't a regular file, or it is empty.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Copies `bytes` bytes from `at` on, which must lie within bytes(). DATA_LOSS: the file was
  // truncated, or the disk fails.
  absl::Status Read(const char* at, size_t bytes, char* out) const;

  bool Contains(const void* at) const {
    return at >= data_ && at < static_cast<const char*>(data_) + size_;
  }
  absl::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile(std::string path, UniqueFd fd, void* data, size_t size)
      : path_(std::move(path)), fd_(std::move(fd)), data_(data), size_(size) {}

  const std::string path_;
  const UniqueFd fd_;
  void* const data_;
  const size_t size_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_
