// The sampler of core/model/sampler.h on a device, for all requests of a step at once. Tensors are
// declared alone: no Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_TOKEN_SAMPLER_H_
#define VIDMUSE_MODEL_TORCH_TOKEN_SAMPLER_H_

namespace at {
class Tensor;
}

namespace vidmuse {

// Columns of `options`, [rows][kSamplingColumns] doubles; `top_k` 0 and `top_p` 0: off.
enum SamplingColumn {
  kGreedyColumn,  // 1: argmax
  kTemperatureColumn,
  kTopKColumn,
  kTopPColumn,
  kCfgCoefColumn,
  kSamplingColumns,
};

// Classifier-free guidance (GuideLogits): `logits` is [rows][conditional, null][codebooks][card];
// the result [rows][codebooks][card]. float32.
at::Tensor GuideOnDevice(const at::Tensor& logits, const at::Tensor& options);

// The next tokens, int32 [rows][codebooks]: by Sampler's rules and with its numbers, in double.
// `logits`: [rows][codebooks][card]; `uniforms`: [rows][codebooks], TokenUniform's. -1 where a
// logit isn't finite. Never waits for the device.
//
// The same token as Sampler's for equal logits, unless `uniform` times the sum of what was kept
// lies within a few units in the last place (about 1e-15) of where one token ends and the next
// begins: sums of doubles are taken in another order.
at::Tensor DrawOnDevice(const at::Tensor& logits, const at::Tensor& options,
                        const at::Tensor& uniforms);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_TOKEN_SAMPLER_H_
