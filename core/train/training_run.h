// One training run: the optimiser, its schedule, averages, checkpoints and curves.
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
  std::string work_dir;  // is made if it isn't there
  int64_t steps = 1000;
  int64_t stop_after = -1;     // done() after this many of them; -1: all
  int64_t warmup_steps = 100;  // the rate grows evenly, then falls by a half cosine to 2 %
  double learning_rate = 1e-3;
  // Factors of it for tensors whose names begin so; 0: they stay as they are.
  std::vector<std::pair<std::string, double>> rate_factors;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.01;
  double max_norm = 1.0;           // gradients are scaled down to it
  double ema_decay = 0.99;         // of the averaged weights, which are what is exported
  int64_t checkpoint_steps = 100;  // also after the last one
  int keep_checkpoints = 3;        // the newest, NAME.bin, and those before it, NAME-STEP.bin
  bool mixed_precision = false;    // matrix products in bfloat16
  at::Device device = at::kCPU;
};

// Loss terms and the like, for the curves.
using Values = std::vector<std::pair<std::string, double>>;

// AdamW ("Decoupled Weight Decay Regularization", Loshchilov and Hutter, 2019). Used by one thread.
// Methods may throw what Torch throws: see CatchTorch.
class TrainingRun {
 public:
  // Goes on from the checkpoint in work_dir if there is one; else begins with `initial`, whose
  // tensors become the run's. A checkpoint of other tensors is an error.
  static absl::StatusOr<std::unique_ptr<TrainingRun>> Open(const TrainingOptions& options,
                                                           Parameters initial);
  virtual ~TrainingRun() = default;

  virtual int64_t step() const = 0;  // steps made
  bool done() const {
    return step() >= options().steps ||
           (options().stop_after >= 0 && step() >= options().stop_after);
  }
  virtual const TrainingOptions& options() const = 0;

  // As they are now, with gradients on.
  virtual const Parameters& parameters() const = 0;
  // Averaged weights; codebooks as they are now.
  virtual const Parameters& average() const = 0;

  // Differentiates `loss`, makes a step, shows `values`, and writes a checkpoint when it is due.
  // INTERNAL if the loss or its gradient is not finite: no weight was changed. A run that is killed
  // loses the steps since its last checkpoint.
  virtual absl::Status Step(const at::Tensor& loss, const Values& values) = 0;

  // Writes the checkpoint: whole or not at all. Those before it are kept (see keep_checkpoints).
  virtual absl::Status Save() = 0;
};

// Learning rate of a step, counted from 0.
double ScheduledRate(const TrainingOptions& options, int64_t step);

// Matrix products in bfloat16 while it lives, if `enabled`.
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

// "cpu" or "cuda" (or "cuda:1"). FAILED_PRECONDITION: no CUDA half of LibTorch, or no such device.
absl::StatusOr<at::Device> OpenDevice(const std::string& name);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAINING_RUN_H_
