// A run's folder, which no other run may use meanwhile.
#ifndef VIDMUSE_TRAIN_WORK_DIR_H_
#define VIDMUSE_TRAIN_WORK_DIR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/unique_fd.h"

namespace vidmuse::train {

// Holds the folder until it is destroyed, or until the process ends in any way.
class WorkDir {
 public:
  // Makes the folder if it isn't there, and removes parts of checkpoints that a killed run has left
  // in it. FAILED_PRECONDITION: another run has it. Other errors name the folder.
  static absl::StatusOr<std::unique_ptr<WorkDir>> Open(const std::string& path);

 private:
  explicit WorkDir(UniqueFd lock) : lock_(std::move(lock)) {}

  const UniqueFd lock_;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_WORK_DIR_H_
