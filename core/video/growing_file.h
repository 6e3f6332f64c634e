// A file of which more bytes may come, as its decoder sees it.
#ifndef VIDMUSE_VIDEO_GROWING_FILE_H_
#define VIDMUSE_VIDEO_GROWING_FILE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {

// Tells whoever waits that there are `bytes` now, and whether they are all. For one writer.
void Publish(UploadProgress& progress, uint64_t bytes, bool complete);

// For one reader.
class GrowingFile {
 public:
  // `bytes` must be readable as far as `progress` says. Both must outlive the file.
  GrowingFile(const char* bytes, const UploadProgress& progress)
      : bytes_(bytes), progress_(progress) {}
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  bool complete() const;
  // Waits until the file is complete, and returns all of it.
  absl::string_view WaitForAll() const;

  // Waits for bytes at `position` and returns those from there on that have come. Returns none at
  // the end of the file, and also, with `left` set, when the file is complete and so much follows
  // that it is better read anew, with all that is known then.
  absl::string_view ReadWhileItGrows(uint64_t position);
  const CancelFlag& left() const { return left_; }

 private:
  // Waits until there are more than `position` bytes, or all. Returns how many there are.
  uint64_t WaitFor(uint64_t position) const;

  const char* const bytes_;
  const UploadProgress& progress_;
  CancelFlag left_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_GROWING_FILE_H_
