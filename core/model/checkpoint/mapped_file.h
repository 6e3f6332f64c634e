// A whole file as read-only memory.
#ifndef VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_
#define VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Immutable, thread-safe. Pages are read when they are used, so the file must not be cut short
// meanwhile.
class MappedFile {
 public:
  // NOT_FOUND: no such file; INVALID_ARGUMENT: not a regular file, or empty.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Takes whole pages within `part`, if it is a part of bytes(), out of memory until they are used
  // again.
  void DropPages(absl::string_view part) const;

  absl::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}

  void* const data_;
  const size_t size_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_MAPPED_FILE_H_
