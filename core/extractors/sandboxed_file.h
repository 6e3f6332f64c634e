// What reading a strangers' file takes: its descriptor, and the process's own sandbox.
#ifndef VIDMUSE_EXTRACTORS_SANDBOXED_FILE_H_
#define VIDMUSE_EXTRACTORS_SANDBOXED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/base/unique_fd.h"
#include "core/video/sandbox.h"

namespace vidmuse {

// Returns the process's own sandbox, which is made when it is first needed and never destroyed.
// UNAVAILABLE: it can't be made (VideoSandbox::Create). Thread-safe.
absl::StatusOr<const VideoSandbox*> SharedSandbox();

// Opens a regular file for reading. NOT_FOUND: there is no such file. INVALID_ARGUMENT: it isn't a
// regular one. Errors name it.
absl::StatusOr<UniqueFd> OpenRegularFile(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_SANDBOXED_FILE_H_
