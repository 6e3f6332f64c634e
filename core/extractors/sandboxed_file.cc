#include "core/extractors/sandboxed_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::StatusOr<const VideoSandbox*> SharedSandbox() {
  static Mutex mutex;
  static const VideoSandbox* sandbox ABSL_GUARDED_BY(mutex) = nullptr;
  MutexLock lock(&mutex);
  if (sandbox == nullptr) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<VideoSandbox> created,
        VideoSandbox::Create(VideoSandbox::DefaultProgram(), VideoSandbox::Filter::kRequired, {}));
    sandbox = created.release();
  }
  return sandbox;
}

absl::StatusOr<UniqueFd> OpenRegularFile(const std::string& path) {
  // With O_NONBLOCK, opening a named pipe doesn't wait for its writer.
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  struct stat info;
  if (fstat(file.get(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot stat ", path));
  }
  if (S_ISREG(info.st_mode)) return file;
  return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
}

}  // namespace vidmuse
