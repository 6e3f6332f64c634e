// The spectral loss that the codec is trained with.
#ifndef VIDMUSE_TRAIN_SPECTRAL_LOSS_H_
#define VIDMUSE_TRAIN_SPECTRAL_LOSS_H_

#include <ATen/core/Tensor.h>

namespace vidmuse::train {

// Multi-resolution STFT loss ("Parallel WaveGAN", Yamamoto et al., 2020), a scalar: relative
// distance of the magnitudes plus mean distance of their logarithms, averaged over transforms of
// 128, 512 and 2048 samples. Both tensors are [batch][samples], at least 2048 samples long.
at::Tensor SpectralLoss(const at::Tensor& audio, const at::Tensor& target);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_SPECTRAL_LOSS_H_
