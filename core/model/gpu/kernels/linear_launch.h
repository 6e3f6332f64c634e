// Launches of linear layers, whose kernels are in one file for each format of weights: they are
// many, and compile side by side.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_H_
#define VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_H_

#include <cuda_runtime_api.h>

#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {

// How a kernel is launched: it may start before the one before has ended, where the device's code
// knows how to wait for it.
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

// Lets a kernel have `shared` bytes of shared memory, and as little of the first level of cache as
// all others: a multiprocessor that divides the two anew can't begin one kernel beside another.
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
