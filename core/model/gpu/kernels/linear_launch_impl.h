// Linear layers' kernels, included by the files that instantiate them.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_IMPL_H_
#define VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_IMPL_H_

#include "core/model/gpu/kernels/dispatch.h"
#include "core/model/gpu/kernels/linear_launch.h"

namespace vidmuse::gpu {

template <class Body>
__global__ void __launch_bounds__(kLinearThreads, Body::kBlocks)
    LinearKernel(const LinearArgs args) {
  Block block;
  Body::Run(block, args);
}

template <WeightFormat kFormat>
cudaError_t LaunchLinear(const LinearArgs& args, cudaStream_t stream, bool early) {
  const LinearShape shape = ChooseLinear(args, kFormat);
  const bool norm = args.norm_weight != nullptr;
  cudaError_t error = cudaSuccess;
  WithLinear<kFormat>(shape, norm, [&]<class Body>() {
    const Launch launch(dim3(shape.blocks(args.outputs)), kLinearThreads,
                        LinearSharedBytes(shape.tiles, shape.halves, norm, args.rows, args.inputs),
                        stream, early);
    error = cudaLaunchKernelEx(&launch.config, LinearKernel<Body>, args);
  });
  return error;
}

template <WeightFormat kFormat>
cudaError_t PrepareLinear() {
  cudaError_t error = cudaSuccess;
  const auto prepare = [&](const LinearShape& shape, bool norm) {
    WithLinear<kFormat>(shape, norm, [&]<class Body>() {
      const cudaError_t own =
          Prepare(LinearKernel<Body>,
                  LinearSharedBytes(shape.tiles, shape.halves, norm, kMaxRows, kMaxNormInputs));
      if (error == cudaSuccess) error = own;
    });
  };
  for (const int halves : {1, 2, 4}) {
    for (const int tiles : {1, 3, 4}) prepare({tiles, halves, 4}, /*norm=*/true);
    for (const int chunk : {2, 4, 8, 16}) prepare({1, halves, chunk}, /*norm=*/false);
  }
  return error;
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_LINEAR_LAUNCH_IMPL_H_
