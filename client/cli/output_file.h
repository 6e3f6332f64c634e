// A file that appears under its name only when it is complete.
#ifndef VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_
#define VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Writes to PATH.part, which Commit renames to PATH and which the destructor removes otherwise. If
// PATH is "-" (standard output) or exists but is not a regular file (a device, a pipe), it is
// written directly. Not thread-safe.
class OutputFile {
 public:
  // Errors name the path and the system's reason.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Append(absl::string_view bytes);
  // PATH.part, which may be written in other ways than by Append. Only if can_restart().
  const std::string& part_path() const { return part_; }
  // Returns whether what was appended can be taken back, which is so if it is in PATH.part.
  bool can_restart() const { return !part_.empty(); }
  // Removes everything that was appended. Only if can_restart().
  absl::Status Restart();
  // When this returns OK, the file is on disk under its name. Must be the last call.
  absl::Status Commit();

 private:
  OutputFile(std::string path, std::string part, int fd);
  absl::Status Error(const char* doing) const;

  const std::string path_;
  const std::string part_;  // empty: `path_` is written directly
  int fd_;                  // -1 after Commit
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_
