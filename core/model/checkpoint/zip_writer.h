// Writes a zip file of stored (not compressed) entries, aligned as in torch.save.
#ifndef VIDMUSE_MODEL_CHECKPOINT_ZIP_WRITER_H_
#define VIDMUSE_MODEL_CHECKPOINT_ZIP_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Writes to a file beside `path` and renames it at the end, so `path` is either unchanged or
// complete. Without Finish, nothing is left behind. Each entry's bytes begin at a multiple of 64.
// Used by one thread.
class ZipWriter {
 public:
  static absl::StatusOr<std::unique_ptr<ZipWriter>> Create(const std::string& path);

  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // `name` has up to 1000 bytes of UTF-8 and must not have been used before.
  absl::Status Add(absl::string_view name, absl::string_view contents);
  // Completes the file. Nothing may be called afterwards.
  absl::Status Finish();

 private:
  struct Entry {
    std::string name;
    uint32_t crc;
    uint64_t size;
    uint64_t offset;
  };

  ZipWriter(std::string path, std::string temporary, int fd);

  absl::Status Write(absl::string_view bytes);
  absl::Status Error(absl::string_view what) const;

  const std::string path_;
  const std::string temporary_;
  int fd_;  // -1: finished
  uint64_t offset_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_ZIP_WRITER_H_
