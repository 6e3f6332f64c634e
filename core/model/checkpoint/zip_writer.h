// Writes a zip file of stored entries, aligned as torch.save aligns them.
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

// Writes beside `path` and renames at the end, so `path` is either as before or whole. Each entry's
// bytes begin at a multiple of 64. Used by one thread. Without Finish, nothing stays behind.
class ZipWriter {
 public:
  static absl::StatusOr<std::unique_ptr<ZipWriter>> Create(const std::string& path);

  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // `name`: up to 1000 bytes of UTF-8, not used before.
  absl::Status Add(absl::string_view name, absl::string_view contents);
  // Nothing may be called after it.
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
