#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/rhythm.h"
#include "core/evaluate/spectrum_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr int64_t kSize = 2048;  // samples of a spectrum
constexpr int64_t kBands = 128;

// Slaney's mel scale: linear below 1 kHz, logarithmic above.
constexpr double kLinearHertz = 200.0 / 3;  // a mel
constexpr double kKneeHertz = 1000, kKneeMel = kKneeHertz / kLinearHertz;
const double kLogStep = std::log(6.4) / 27;

double MelToHertz(double mel) {
  return mel < kKneeMel ? mel * kLinearHertz : kKneeHertz * std::exp(kLogStep * (mel - kKneeMel));
}

double HertzToMel(double hertz) {
  return hertz < kKneeHertz ? hertz / kLinearHertz
                            : kKneeMel + std::log(hertz / kKneeHertz) / kLogStep;
}

// Triangles of equal area from 0 Hz to half the rate: [kSize / 2 + 1, kBands]
Tensor MelFilters() {
  std::vector<double> edges;
  edges.reserve(kBands + 2);
  const double highest = HertzToMel(kRhythmRate / 2.0);
  for (int64_t i = 0; i < kBands + 2; ++i) {
    edges.push_back(MelToHertz(highest * static_cast<double>(i) / (kBands + 1)));
  }
  Tensor filters = at::zeros({kSize / 2 + 1, kBands}, at::kDouble);
  auto weights = filters.accessor<double, 2>();
  for (int64_t bin = 0; bin <= kSize / 2; ++bin) {
    const double hertz = static_cast<double>(bin) * kRhythmRate / kSize;
    for (size_t band = 0; band < kBands; ++band) {
      const double low = edges[band], middle = edges[band + 1], high = edges[band + 2];
      const double height =
          std::min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      weights[bin][static_cast<int64_t>(band)] = std::max(0.0, height) * 2 / (high - low);
    }
  }
  return filters;
}

// Levels of the bands in dB, none more than 80 dB below the loudest: [frames, kBands]
Tensor MelLevels(absl::Span<const float> samples) {
  const Tensor filters = MelFilters();
  std::vector<Tensor> blocks;
  VisitPowerSpectra(samples, kSize, kRhythmHop,
                    [&](const Tensor& power) { blocks.push_back(at::mm(power, filters)); });
  const Tensor levels = at::cat(blocks).clamp_min_(1e-10).log10_().mul_(10);
  return at::maximum(levels, levels.max() - 80);
}

Tensor Average(const Tensor& growth, BandAverage average) {
  if (average == BandAverage::kMean) return growth.mean(1);
  const Tensor sorted = std::get<0>(growth.sort(1));
  return (sorted.select(1, kBands / 2 - 1) + sorted.select(1, kBands / 2)) / 2;
}

}  // namespace

absl::StatusOr<std::vector<double>> OnsetStrength(absl::Span<const float> samples,
                                                  BandAverage average) {
  if (samples.size() < kSize) {
    return absl::InvalidArgumentError(absl::StrCat(
        samples.size(), " samples are too few for onsets; at least ", kSize, " are needed"));
  }
  if (!std::all_of(samples.begin(), samples.end(), [](float s) { return std::isfinite(s); })) {
    return absl::InvalidArgumentError("the sound has a sample that isn't finite");
  }
  std::vector<double> strength;
  RETURN_IF_ERROR(RunTorch([&] {
    const Tensor levels = MelLevels(samples);
    const int64_t frames = levels.size(0);
    const Tensor growth =
        (levels.narrow(0, 1, frames - 1) - levels.narrow(0, 0, frames - 1)).clamp_min_(0);
    const Tensor values = Average(growth, average).contiguous();
    // A spectrum grows where its window begins to hold the onset: half a window early.
    constexpr int64_t kLate = 1 + kSize / (2 * kRhythmHop);
    strength.assign(static_cast<size_t>(frames), 0);
    const double* data = values.const_data_ptr<double>();
    for (int64_t i = kLate; i < frames; ++i) strength[static_cast<size_t>(i)] = data[i - kLate];
    return absl::OkStatus();
  }));
  return strength;
}

}  // namespace vidmuse::evaluate
