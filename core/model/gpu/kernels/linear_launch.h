// Launches of linear layers. There are many kernels, so each weight format has its own file, and
// the files compile in parallel.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_H_
#define VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_H_

#include <cuda_runtime_api.h>

#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {

// A kernel's launch configuration. With `early`, the kernel may start before the previous one has
// ended, so its code must wait for that by itself.
struct Launch {
  Launch(dim3 grid, int threads, size_t shared, cudaStream_t stream, bool early) {
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    config.attrs = &attribute;
    config.numAttrs = early ? 1 : 0;
  }
  Launch(const Launch&) = delete;

  cudaLaunchAttribute attribute = {};
  cudaLaunchConfig_t config = {};
};

// Allows a kernel `shared` bytes of shared memory, and gives all kernels the same division between
// shared memory and L1 cache. If two kernels' divisions differ, a multiprocessor can't run them at
// the same time.
template <class Kernel>
cudaError_t Prepare(Kernel* kernel, size_t shared) {
  const cudaError_t error = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared);
}

template <WeightFormat kFormat>
cudaError_t LaunchLinear(const LinearArgs& args, cudaStream_t stream, bool early);
template <WeightFormat kFormat>
cudaError_t PrepareLinear();

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_H_
