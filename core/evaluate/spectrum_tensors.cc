#include "core/evaluate/spectrum_tensors.h"

#include <algorithm>

namespace vidmuse::evaluate {

void VisitPowerSpectra(absl::Span<const float> samples, int64_t size, int64_t hop,
                       absl::FunctionRef<void(const at::Tensor& power)> visit) {
  const int64_t block = std::max<int64_t>(1, 131072 / size);  // frames that stay in the cache
  const auto length = static_cast<int64_t>(samples.size());
  const at::Tensor window = at::hann_window(size, at::kDouble);
  const at::Tensor signal = at::from_blob(const_cast<float*>(samples.data()), {length}, at::kFloat);
  const int64_t frames = 1 + length / hop;
  for (int64_t first = 0; first < frames; first += block) {
    const int64_t count = std::min(block, frames - first);
    // The part of the signal under these frames.
    const int64_t begin = first * hop - size / 2;
    const int64_t end = begin + (count - 1) * hop + size;
    const int64_t inner_begin = std::clamp<int64_t>(begin, 0, length);
    const int64_t inner_end = std::clamp<int64_t>(end, 0, length);
    const at::Tensor part =
        at::constant_pad_nd(signal.narrow(0, inner_begin, inner_end - inner_begin).to(at::kDouble),
                            {inner_begin - begin, end - inner_end});
    // Complex numbers' abs() would take several times as long.
    const at::Tensor spectrum = at::view_as_real(at::fft_rfft(part.unfold(0, size, hop) * window));
    visit(spectrum.select(2, 0).pow(2) + spectrum.select(2, 1).pow(2));
  }
}

}  // namespace vidmuse::evaluate
