// How far audio is from what it should be.
#ifndef VIDMUSE_TRAIN_SPECTRAL_LOSS_H_
#define VIDMUSE_TRAIN_SPECTRAL_LOSS_H_

#include <ATen/core/Tensor.h>

namespace vidmuse::train {

// Magnitudes of short-time Fourier transforms of 128 to 2048 samples: relative distance, plus the
// mean distance of their logarithms ("Parallel WaveGAN", Yamamoto et al., 2020). Both tensors are
// [batch][samples], at least 2048 samples long. A scalar.
at::Tensor SpectralLoss(const at::Tensor& audio, const at::Tensor& target);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_SPECTRAL_LOSS_H_
