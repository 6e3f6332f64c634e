// The kernels' C interface, in libvidmuse_cuda.so if that was built with kernels. All launches go
// to `stream` (a cudaStream_t) of the current device, may be recorded in a graph, and never wait.
// The result is a cudaError_t, 0 for success.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_LAUNCH_H_
#define VIDMUSE_MODEL_GPU_KERNELS_LAUNCH_H_

#include "core/model/gpu/kernels/quantize.h"
#include "core/model/gpu/kernels/token_step.h"

#define VIDMUSE_KERNEL_API extern "C" __attribute__((visibility("default")))

// Call this once for each device, before the first launch there.
VIDMUSE_KERNEL_API int vidmuse_prepare_kernels();
VIDMUSE_KERNEL_API int vidmuse_token_step(const vidmuse::gpu::TokenStep* step, int requests,
                                          void* stream);
VIDMUSE_KERNEL_API int vidmuse_linear(const vidmuse::gpu::LinearArgs* args,
                                      vidmuse::gpu::WeightFormat format, void* stream);
VIDMUSE_KERNEL_API int vidmuse_attention(const vidmuse::gpu::AttentionArgs* args, int rows,
                                         vidmuse::gpu::WeightFormat format, void* stream);
VIDMUSE_KERNEL_API int vidmuse_quantize(const vidmuse::gpu::QuantizeArgs* args, int heads,
                                        vidmuse::gpu::WeightFormat format, void* stream);
VIDMUSE_KERNEL_API int vidmuse_sample(const vidmuse::gpu::SampleArgs* args, int requests,
                                      void* stream);
VIDMUSE_KERNEL_API int vidmuse_embed(const vidmuse::gpu::EmbedArgs* args, int requests,
                                     void* stream);

#endif  // VIDMUSE_MODEL_GPU_KERNELS_LAUNCH_H_
