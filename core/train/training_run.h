// A training run: the optimiser, the learning rate schedule, averaged weights, checkpoints and
// curves.
#ifndef VIDMUSE_TRAIN_TRAINING_RUN_H_
#define VIDMUSE_TRAIN_TRAINING_RUN_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/train/parameters.h"

namespace vidmuse::train {

struct TrainingOptions {
  std::string name;      // of the run's files in work_dir: NAME.bin, NAME.csv
  std::string work_dir;  // created if it doesn't exist
  int64_t steps = 1000;
  // The run is done() after this many steps in total; -1 means after all of them.
  int64_t stop_after = -1;
  // The learning rate rises linearly over these steps, then falls to 2 % along a half cosine.
  int64_t warmup_steps = 100;
  double learning_rate = 1e-3;  // the highest
  // Learning rate factors of the tensors whose names begin with a prefix; 0 freezes them.
  std::vector<std::pair<std::string, double>> rate_factors;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.01;
  double max_norm = 1.0;    // gradients with a larger norm are scaled down to it
  double ema_decay = 0.99;  // of the averaged weights, which are exported
  // Steps between checkpoints. The last step also writes one.
  int64_t checkpoint_steps = 100;
  // Number of checkpoints kept: the newest, NAME.bin, and older ones, NAME-STEP.bin.
  int keep_checkpoints = 3;
  bool mixed_precision = false;  // matrix products in bfloat16
  at::Device device = at::kCPU;
};

// Named values for the curves, such as the terms of the loss.
using Values = std::vector<std::pair<std::string, double>>;

// Training with AdamW ("Decoupled Weight Decay Regularization", Loshchilov and Hutter, 2019). Not
// thread-safe. Methods may throw Torch's exceptions: see CatchTorch.
class TrainingRun {
 public:
  // Resumes from the checkpoint in work_dir if there is one; otherwise starts with `initial`, whose
  // tensors the run may change. A checkpoint with other tensors is an error.
  static absl::StatusOr<std::unique_ptr<TrainingRun>> Open(const TrainingOptions& options,
                                                           Parameters initial);
  virtual ~TrainingRun() = default;

  virtual int64_t step() const = 0;  // number of steps made
  bool done() const {
    return step() >= options().steps ||
           (options().stop_after >= 0 && step() >= options().stop_after);
  }
  virtual const TrainingOptions& options() const = 0;

  // The current weights. Gradients are on for those that are trained.
  virtual const Parameters& parameters() const = 0;
  // The averaged weights; tensors that aren't trained by gradients, such as codebooks, are current.
  virtual const Parameters& average() const = 0;

  // Computes the gradient of `loss`, makes a step, reports `values`, and writes a checkpoint when
  // one is due. INTERNAL if the loss or its gradient is not finite; no weight is changed then. A
  // run that is killed loses the steps since its last checkpoint.
  virtual absl::Status Step(const at::Tensor& loss, const Values& values) = 0;

  // Writes a checkpoint, completely or not at all. Older ones are kept up to keep_checkpoints.
  virtual absl::Status Save() = 0;
};

// Learning rate of a step. Steps count from 0.
double ScheduledRate(const TrainingOptions& options, int64_t step);

// If `enabled`, matrix products on this kind of device run in bfloat16 while this object lives.
class MixedPrecision {
 public:
  MixedPrecision(at::Device device, bool enabled);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  const at::DeviceType device_;
  const bool enabled_;
};

// Opens "cpu", "cuda" or "cuda:N". INVALID_ARGUMENT for other kinds of device; FAILED_PRECONDITION
// if LibTorch's CUDA libraries or the device are missing, or the name is malformed.
absl::StatusOr<at::Device> OpenDevice(const std::string& name);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAINING_RUN_H_
