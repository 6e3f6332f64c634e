// Writes files that are there as a whole or not at all.
#ifndef VIDMUSE_BASE_WHOLE_FILE_H_
#define VIDMUSE_BASE_WHOLE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Writes the bytes under another name in the same folder and renames that file to `path`, so that
// who reads `path` sees the old file or all of the new one, also if this process is killed. The
// folder must exist. UNAVAILABLE names the path and the reason, such as a full disk. Thread-safe.
absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_WHOLE_FILE_H_
