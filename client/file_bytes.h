// Reads and writes a regular file at an offset, whole pieces at a time.
#ifndef VIDMUSE_CLIENT_FILE_BYTES_H_
#define VIDMUSE_CLIENT_FILE_BYTES_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Reads `length` bytes, or fewer if the file ends before, and returns how many. Errors are the
// system's, after `doing`.
absl::StatusOr<size_t> ReadBytes(int fd, uint64_t offset, size_t length, void* to,
                                 absl::string_view doing);
// Writes all of `bytes`. Errors are the system's, after `doing`.
absl::Status WriteBytes(int fd, uint64_t offset, absl::string_view bytes, absl::string_view doing);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_FILE_BYTES_H_
