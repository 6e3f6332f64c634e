#include "core/train/spectral_loss.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <iterator>

namespace vidmuse::train {
namespace {

constexpr int64_t kScales[] = {128, 512, 2048};
constexpr double kFloor = 1e-2;  // added to magnitudes before the logarithm

at::Tensor Magnitudes(const at::Tensor& audio, int64_t size) {
  const at::Tensor window = at::hann_window(size, audio.options());
  const at::Tensor spectrum =
      at::stft(audio, size, size / 4, size, window, /*center=*/true, "reflect",
               /*normalized=*/true, /*onesided=*/true, /*return_complex=*/true);
  // The constant keeps the gradient of the square root finite.
  return (at::real(spectrum).pow(2) + at::imag(spectrum).pow(2) + 1e-8).sqrt();
}

}  // namespace

at::Tensor SpectralLoss(const at::Tensor& audio, const at::Tensor& target) {
  at::Tensor loss = at::zeros({}, audio.options());
  for (const int64_t size : kScales) {
    const at::Tensor made = Magnitudes(audio, size);
    const at::Tensor wanted = Magnitudes(target, size);
    const at::Tensor convergence =
        (made - wanted).pow(2).sum().sqrt() / wanted.pow(2).sum().sqrt().clamp_min(1e-3);
    const at::Tensor logarithms = ((made + kFloor).log() - (wanted + kFloor).log()).abs().mean();
    loss = loss + convergence + logarithms;
  }
  return loss / static_cast<double>(std::size(kScales));
}

}  // namespace vidmuse::train
