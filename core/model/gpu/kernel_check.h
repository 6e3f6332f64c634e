// Compares the two ways to run a step when a model is loaded.
#ifndef VIDMUSE_MODEL_GPU_KERNEL_CHECK_H_
#define VIDMUSE_MODEL_GPU_KERNEL_CHECK_H_

#include "absl/status/status.h"
#include "core/model/gpu/step_runner.h"
#include "core/model/gpu/token_model.h"
#include "core/model/torch/device_stream.h"

namespace vidmuse::gpu {

// Runs a few steps of made-up tokens under a made-up condition with `kernels` and with `reference`,
// in the model's slot 0, which nobody else may use, and compares their guided logits. INTERNAL: the
// logits differ by more than rounding, or kernels fed at once differ from kernels fed step by step.
absl::Status CheckKernels(TokenModel& model, DeviceStream& stream, StepRunner& kernels,
                          StepRunner& reference);

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNEL_CHECK_H_
