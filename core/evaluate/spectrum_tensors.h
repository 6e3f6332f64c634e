// Power spectra of a sound, block by block.
#ifndef VIDMUSE_EVALUATE_SPECTRUM_TENSORS_H_
#define VIDMUSE_EVALUATE_SPECTRUM_TENSORS_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

// Gives `visit` the power spectra [frames, size / 2 + 1] of some frames at a time, in
// float64: frame i is centred on sample i * hop, the signal is continued by zeros, and the window
// is a periodic Hann window, as librosa.stft does it. There are 1 + samples / hop frames. Throws as
// Torch does.
void VisitPowerSpectra(absl::Span<const float> samples, int64_t size, int64_t hop,
                       absl::FunctionRef<void(const at::Tensor& power)> visit);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_SPECTRUM_TENSORS_H_
