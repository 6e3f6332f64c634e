#include "core/model/gpu/kernels/launch.h"
#include "core/model/gpu/kernels/linear_launch.h"

namespace vidmuse::gpu {
namespace {

template <Number kNumber, bool kBytes>
__global__ void __launch_bounds__(kAttentionThreads, kBytes ? 4 : 3)
    AttentionKernel(const AttentionArgs args) {
  Block block;
  AttentionBody<kNumber, kBytes>(block, args);
}

// Calls run(kernel) with the kernel for a format and for 8-bit (`bytes`) or 16-bit keys and values.
template <class Run>
cudaError_t WithAttention(WeightFormat format, bool bytes, Run&& run) {
  if (format == WeightFormat::kBf16) {
    return bytes ? run(AttentionKernel<Number::kBf16, true>)
                 : run(AttentionKernel<Number::kBf16, false>);
  }
  return bytes ? run(AttentionKernel<Number::kFp16, true>)
               : run(AttentionKernel<Number::kFp16, false>);
}

template <Number kNumber>
__global__ void __launch_bounds__(kQuantizeThreads) QuantizeKernel(const QuantizeArgs args) {
  Block block;
  QuantizeBody<kNumber>(block, args);
}

__global__ void __launch_bounds__(kSampleThreads) SampleKernel(const SampleArgs args) {
  Block block;
  SampleBody(block, args);
}

__global__ void __launch_bounds__(kEmbedThreads) EmbedKernel(const EmbedArgs args) {
  Block block;
  EmbedBody(block, args);
}

// Returns whether a kernel may start before the previous one has ended. Code for compute capability
// 9 and above waits for earlier kernels by itself. Older code, or code that the driver makes of
// older PTX, must start after them.
bool StartsEarly() {
  static const bool early = [] {
    cudaFuncAttributes attributes;
    return cudaFuncGetAttributes(&attributes, EmbedKernel) == cudaSuccess &&
           attributes.ptxVersion >= 90;
  }();
  return early;
}

class CudaLauncher final : public Launcher {
 public:
  CudaLauncher(WeightFormat format, void* stream)
      : format_(format), stream_(static_cast<cudaStream_t>(stream)), early_(StartsEarly()) {}

  void Embed(const EmbedArgs& args, int requests) override {
    const Launch launch(dim3(requests), kEmbedThreads, 0, stream_, early_);
    Note(cudaLaunchKernelEx(&launch.config, EmbedKernel, args));
  }

  void Linear(const LinearArgs& args) override {
    switch (format_) {
      case WeightFormat::kFp16:
        return Note(LaunchLinear<WeightFormat::kFp16>(args, stream_, early_));
      case WeightFormat::kBf16:
        return Note(LaunchLinear<WeightFormat::kBf16>(args, stream_, early_));
      case WeightFormat::kInt8:
        return Note(LaunchLinear<WeightFormat::kInt8>(args, stream_, early_));
    }
  }

  void Attention(const AttentionArgs& args, int rows) override {
    const AttentionGrid grid(args, rows);
    const bool bytes = args.k_scales != nullptr;
    const Launch launch(dim3(grid.x, grid.y, grid.z), kAttentionThreads,
                        AttentionSharedBytes(bytes), stream_, early_);
    Note(WithAttention(format_, bytes, [&](auto* kernel) {
      return cudaLaunchKernelEx(&launch.config, kernel, args);
    }));
  }

  void Quantize(const QuantizeArgs& args, int heads) {
    const Launch launch(dim3(heads), kQuantizeThreads, kQuantizeSharedBytes, stream_, early_);
    Note(format_ == WeightFormat::kBf16
             ? cudaLaunchKernelEx(&launch.config, QuantizeKernel<Number::kBf16>, args)
             : cudaLaunchKernelEx(&launch.config, QuantizeKernel<Number::kFp16>, args));
  }

  void Sample(const SampleArgs& args, int requests) override {
    const Launch launch(dim3(args.codebooks, requests), kSampleThreads, sizeof(SampleShared),
                        stream_, early_);
    Note(cudaLaunchKernelEx(&launch.config, SampleKernel, args));
  }

  int error() const { return static_cast<int>(error_); }

 private:
  void Note(cudaError_t error) {
    if (error_ == cudaSuccess) error_ = error;
  }

  const WeightFormat format_;
  const cudaStream_t stream_;
  const bool early_;
  cudaError_t error_ = cudaSuccess;
};

}  // namespace
}  // namespace vidmuse::gpu

using vidmuse::gpu::CudaLauncher;
using vidmuse::gpu::WeightFormat;

int vidmuse_prepare_kernels() {
  for (const auto prepare : {vidmuse::gpu::PrepareLinear<WeightFormat::kFp16>,
                             vidmuse::gpu::PrepareLinear<WeightFormat::kBf16>,
                             vidmuse::gpu::PrepareLinear<WeightFormat::kInt8>}) {
    if (const cudaError_t error = prepare(); error != cudaSuccess) return error;
  }
  for (const auto format : {WeightFormat::kFp16, WeightFormat::kBf16}) {
    for (const bool bytes : {false, true}) {
      const cudaError_t error = vidmuse::gpu::WithAttention(format, bytes, [&](auto* kernel) {
        return vidmuse::gpu::Prepare(kernel, vidmuse::gpu::AttentionSharedBytes(bytes));
      });
      if (error != cudaSuccess) return error;
    }
  }
  if (const cudaError_t error = vidmuse::gpu::Prepare(vidmuse::gpu::EmbedKernel, 0);
      error != cudaSuccess) {
    return error;
  }
  return vidmuse::gpu::Prepare(vidmuse::gpu::SampleKernel, sizeof(vidmuse::gpu::SampleShared));
}

int vidmuse_token_step(const vidmuse::gpu::TokenStep* step, int requests, void* stream) {
  CudaLauncher launcher(step->format, stream);
  vidmuse::gpu::LaunchTokenStep(*step, requests, launcher);
  return launcher.error();
}

int vidmuse_linear(const vidmuse::gpu::LinearArgs* args, WeightFormat format, void* stream) {
  CudaLauncher launcher(format, stream);
  launcher.Linear(*args);
  return launcher.error();
}

int vidmuse_attention(const vidmuse::gpu::AttentionArgs* args, int rows, WeightFormat format,
                      void* stream) {
  CudaLauncher launcher(format, stream);
  launcher.Attention(*args, rows);
  return launcher.error();
}

int vidmuse_quantize(const vidmuse::gpu::QuantizeArgs* args, int heads, WeightFormat format,
                     void* stream) {
  CudaLauncher launcher(format, stream);
  launcher.Quantize(*args, heads);
  return launcher.error();
}

int vidmuse_sample(const vidmuse::gpu::SampleArgs* args, int requests, void* stream) {
  CudaLauncher launcher(WeightFormat::kFp16, stream);
  launcher.Sample(*args, requests);
  return launcher.error();
}

int vidmuse_embed(const vidmuse::gpu::EmbedArgs* args, int requests, void* stream) {
  CudaLauncher launcher(WeightFormat::kFp16, stream);
  launcher.Embed(*args, requests);
  return launcher.error();
}
