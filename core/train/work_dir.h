// The folder of a training run, locked against other runs.
#ifndef VIDMUSE_TRAIN_WORK_DIR_H_
#define VIDMUSE_TRAIN_WORK_DIR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/unique_fd.h"

namespace vidmuse::train {

// Holds the lock until it is destroyed or the process ends, however it ends.
class WorkDir {
 public:
  // Creates the folder if it doesn't exist, locks it, and removes incomplete checkpoints that a
  // killed run left in it. FAILED_PRECONDITION if another run holds it. Errors name the folder.
  static absl::StatusOr<std::unique_ptr<WorkDir>> Open(const std::string& path);

 private:
  explicit WorkDir(UniqueFd lock) : lock_(std::move(lock)) {}

  const UniqueFd lock_;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_WORK_DIR_H_
