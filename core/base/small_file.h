// Reads whole files that must be small.
#ifndef VIDMUSE_BASE_SMALL_FILE_H_
#define VIDMUSE_BASE_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace vidmuse {

// Reads a whole file, such as a certificate. NOT_FOUND: it is not a regular file, or cannot be
// read. INVALID_ARGUMENT: it is larger than `max_bytes`. Errors name the file.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes = 1 << 20);
// The same for a file that must not be empty, else INVALID_ARGUMENT.
absl::StatusOr<std::string> ReadNonEmptyFile(const std::string& path, size_t max_bytes = 1 << 20);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_SMALL_FILE_H_
