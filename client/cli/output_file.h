// A file that appears under its name only when it is complete.
#ifndef VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_
#define VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Writes to PATH.part, and Commit renames it to PATH. Destruction without Commit removes PATH.part.
// "-" is standard output, and what exists but is no regular file (a device, a pipe) is written
// directly.
class OutputFile {
 public:
  // Errors name the path and the system's reason.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Append(absl::string_view bytes);
  // Whether what was appended can be taken back: nobody reads PATH.part.
  bool can_restart() const { return !part_.empty(); }
  // Takes it back. Only if can_restart().
  absl::Status Restart();
  // Everything is on disk and under its name when this returns OK. Nothing may follow.
  absl::Status Commit();

 private:
  OutputFile(std::string path, std::string part, int fd);
  absl::Status Error(const char* doing) const;

  const std::string path_;
  const std::string part_;  // empty: written directly
  int fd_;                  // -1 after Commit
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_OUTPUT_FILE_H_
