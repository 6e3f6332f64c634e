// Small files that may be replaced while the server runs: certificates and API keys.
#ifndef VIDMUSE_SERVER_WATCHED_FILES_H_
#define VIDMUSE_SERVER_WATCHED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse {

// Notices that files were written or replaced. Used by one thread at a time.
class WatchedFiles {
 public:
  explicit WatchedFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // True if any file is not what it was at the last call, and at the first call.
  bool Changed();

 private:
  const std::vector<std::string> paths_;
  std::string seen_;  // what identifies the files' versions
};

// The whole file. NOT_FOUND: no such regular file; INVALID_ARGUMENT: over 1 MiB. Both name it.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_WATCHED_FILES_H_
