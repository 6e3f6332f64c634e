#include "core/extractors/read_sound.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/cancel.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/base/unique_fd.h"
#include "core/video/sandbox.h"

namespace vidmuse {
namespace {

// Returns the process's own sandbox, which is made when it is first needed and never destroyed.
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

absl::StatusOr<UniqueFd> OpenFile(const std::string& path) {
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

}  // namespace

absl::StatusOr<Sound> ReadSound(const std::string& path, double most_seconds) {
  if (!(most_seconds > 0) || !std::isfinite(most_seconds)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a sound of at most ", most_seconds, " s can't be read"));
  }
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path));
  ASSIGN_OR_RETURN(const VideoSandbox* sandbox, SharedSandbox());
  const CancelFlag never;
  absl::StatusOr<WholeSound> decoded = sandbox->DecodeWholeSound(file, most_seconds, never);
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat(path, ": ", decoded.status().message()));
  }
  return Sound{decoded->sample_rate, std::move(decoded->channels)};
}

}  // namespace vidmuse
