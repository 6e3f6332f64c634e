// Small files that may be replaced while the server runs: certificates and API keys.
#ifndef VIDMUSE_SERVER_WATCHED_FILES_H_
#define VIDMUSE_SERVER_WATCHED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse {

// Notices that files were written or replaced. Not thread-safe.
class WatchedFiles {
 public:
  explicit WatchedFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // Returns true if any file has changed since the last call, and always at the first call.
  bool Changed();

 private:
  const std::vector<std::string> paths_;
  std::string seen_;  // identifies the files' versions at the last call
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_WATCHED_FILES_H_
