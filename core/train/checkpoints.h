// A run's checkpoints: the newest, which it goes on from, and those before it.
#ifndef VIDMUSE_TRAIN_CHECKPOINTS_H_
#define VIDMUSE_TRAIN_CHECKPOINTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace vidmuse::train {

// Files WORK_DIR/NAME.bin, the newest, and WORK_DIR/NAME-STEP.bin. To go on from an older one, copy
// it to NAME.bin.
class Checkpoints {
 public:
  Checkpoints(std::string work_dir, std::string name);

  // Of the newest.
  std::string path() const;

  // Gives the newest, which has made `step` steps, its own name too, before another takes its
  // place.
  absl::Status Keep(int64_t step) const;

  // Removes all but the `count` newest of those before the newest.
  absl::Status Prune(int count) const;

 private:
  const std::string work_dir_;
  const std::string name_;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CHECKPOINTS_H_
