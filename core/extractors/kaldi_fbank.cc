#include "core/extractors/kaldi_fbank.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

constexpr int64_t kPadded = 512;  // the frame rounded up to a power of two
constexpr double kLowestFrequency = 20;
constexpr double kPreemphasis = 0.97;

double Mel(double frequency) { return 1127 * std::log(1 + frequency / 700); }

// Returns triangles over the spectrum [kPadded / 2 + 1, kFbankBins].
at::Tensor MelFilters() {
  const double low = Mel(kLowestFrequency);
  const double step = (Mel(kFbankRate / 2.0) - low) / (kFbankBins + 1);
  constexpr int64_t kLines = kPadded / 2;  // the last one, Nyquist's, has no weight
  std::vector<float> weights((kLines + 1) * kFbankBins);
  for (int64_t line = 0; line < kLines; ++line) {
    const double mel = Mel(static_cast<double>(kFbankRate) / kPadded * static_cast<double>(line));
    for (int64_t bin = 0; bin < kFbankBins; ++bin) {
      const double up = (mel - low) / step - static_cast<double>(bin);
      weights[static_cast<size_t>(line * kFbankBins + bin)] =
          static_cast<float>(std::max(0.0, std::min(up, 2 - up)));
    }
  }
  return at::tensor(weights).view({kLines + 1, kFbankBins});
}

// `frames`: [N, kFbankFrame].
at::Tensor LogEnergies(const at::Tensor& frames) {
  const at::Tensor centred = frames - frames.mean(1, /*keepdim=*/true);
  const at::Tensor before =
      at::cat({centred.narrow(1, 0, 1), centred.narrow(1, 0, kFbankFrame - 1)},
              /*dim=*/1);
  const at::Tensor windowed =
      (centred - kPreemphasis * before) * at::hann_window(kFbankFrame, /*periodic=*/false);
  const at::Tensor spectrum = at::fft_rfft(windowed, kPadded).abs().square();
  const at::Tensor energies = at::mm(spectrum, MelFilters());
  return energies.clamp_min(std::numeric_limits<float>::epsilon()).log();
}

}  // namespace

absl::StatusOr<FeatureMatrix> KaldiFbank(absl::Span<const float> samples) {
  FeatureMatrix result;
  result.columns = kFbankBins;
  const auto count = static_cast<int64_t>(samples.size());
  if (count < kFbankFrame) return result;
  result.rows = 1 + (count - kFbankFrame) / kFbankStep;
  RETURN_IF_ERROR(RunTorch([&] {
    // Torch reads these samples only.
    const at::Tensor wave = at::from_blob(const_cast<float*>(samples.data()), {count});
    const at::Tensor frames = wave.unfold(0, kFbankFrame, kFbankStep);
    const at::Tensor energies = LogEnergies(frames).contiguous();
    const auto* values = energies.const_data_ptr<float>();
    result.values.assign(values, values + energies.numel());
    return absl::OkStatus();
  }));
  return result;
}

}  // namespace vidmuse
