// CUDA kernels that compute a decoding step, in libvidmuse_cuda.so. The interface crosses a shared
// object's boundary, so it is plain C++, without CUDA or Torch.
#ifndef VIDMUSE_MODEL_GPU_STEP_KERNELS_H_
#define VIDMUSE_MODEL_GPU_STEP_KERNELS_H_

#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {

// Used by one thread at a time, inside RunTorch.
class StepKernels {
 public:
  virtual ~StepKernels() = default;
  // Queues the launches of a step on the thread's current stream, which may be recording a graph.
  // Throws what Torch throws.
  virtual void Queue(const TokenStep& step, int requests) = 0;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_STEP_KERNELS_H_
