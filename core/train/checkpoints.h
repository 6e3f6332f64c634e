// The checkpoints of a training run: the newest, from which a run resumes, and older ones.
#ifndef VIDMUSE_TRAIN_CHECKPOINTS_H_
#define VIDMUSE_TRAIN_CHECKPOINTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace vidmuse::train {

// The newest checkpoint is WORK_DIR/NAME.bin; older ones are WORK_DIR/NAME-STEP.bin. To resume from
// an older one, copy it to NAME.bin.
class Checkpoints {
 public:
  Checkpoints(std::string work_dir, std::string name);

  // Path of the newest checkpoint.
  std::string path() const;

  // Keeps the newest checkpoint, which was written after `step` steps, as NAME-STEP.bin as well.
  // Call it before the next checkpoint replaces NAME.bin.
  absl::Status Keep(int64_t step) const;

  // Removes all NAME-STEP.bin files but the `count` newest.
  absl::Status Prune(int count) const;

 private:
  const std::string work_dir_;
  const std::string name_;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CHECKPOINTS_H_
