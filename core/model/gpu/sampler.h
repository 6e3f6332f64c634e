// The sampler of core/model/architecture/sampler.h on a device, for all requests of a step at once.
// at::Tensor is only declared, so this header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_SAMPLER_H_
#define VIDMUSE_MODEL_GPU_SAMPLER_H_

namespace at {
class Tensor;
}

namespace vidmuse::gpu {

// Columns of `options`, [rows][kSamplingColumns] doubles. A `top_k` or `top_p` of 0 is off.
enum SamplingColumn {
  kGreedyColumn,  // 1: argmax
  kTemperatureColumn,
  kTopKColumn,
  kTopPColumn,
  kCfgCoefColumn,
  kSamplingColumns,
};

// Classifier-free guidance, as in GuideLogits, in float32. `logits` is
// [rows][conditional, null][codebooks][card], the result [rows][codebooks][card].
at::Tensor GuideOnDevice(const at::Tensor& logits, const at::Tensor& options);

// Draws the next tokens, int32 [rows][codebooks], by Sampler's rules and in double, as it does.
// `logits`: [rows][codebooks][card]; `uniforms`: [rows][codebooks], from TokenUniform. A token is
// -1 if one of its logits isn't finite. Never waits for the device.
//
// Equal logits give the same token as Sampler, unless `uniform` times the sum of the kept weights
// lies within a few units in the last place (about 1e-15) of the boundary between two tokens,
// because the doubles are summed in another order.
at::Tensor DrawOnDevice(const at::Tensor& logits, const at::Tensor& options,
                        const at::Tensor& uniforms);

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_SAMPLER_H_
