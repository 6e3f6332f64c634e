// A decoding step's kernels on LibTorch's current stream, in the shared object libvidmuse_cuda.so.
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "core/model/gpu/kernels/launch.h"
#include "core/model/gpu/step_kernels.h"

namespace vidmuse::gpu {
namespace {

void Check(int error) { C10_CUDA_CHECK(static_cast<cudaError_t>(error)); }

class CudaStepKernels final : public StepKernels {
 public:
  CudaStepKernels() { Check(vidmuse_prepare_kernels()); }
  void Queue(const TokenStep& step, int requests) override {
    Check(vidmuse_token_step(&step, requests, c10::cuda::getCurrentCUDAStream().stream()));
  }
};

}  // namespace
}  // namespace vidmuse::gpu

// Prepares the kernels for the thread's current device. Throws what Torch throws.
VIDMUSE_KERNEL_API vidmuse::gpu::StepKernels* vidmuse_new_step_kernels() {
  return new vidmuse::gpu::CudaStepKernels();
}
