// A file without a name, which is gone when it is closed.
#ifndef VIDMUSE_CLIENT_TEMPORARY_FILE_H_
#define VIDMUSE_CLIENT_TEMPORARY_FILE_H_

#include "absl/status/statusor.h"

namespace vidmuse {

// Returns the descriptor of an empty file in TMPDIR or /tmp, which the caller closes. Errors name
// the folder and the system's reason.
absl::StatusOr<int> OpenTemporaryFile();

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_TEMPORARY_FILE_H_
