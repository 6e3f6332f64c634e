#include "core/extractors/vggish_mel.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int64_t kFrame = 400, kHop = 160, kFft = 512;  // samples
constexpr int64_t kBins = kFft / 2 + 1;
constexpr double kLowest = 125, kHighest = 7500;  // Hz
constexpr double kLogOffset = 0.01;

double Mel(double hertz) { return 1127 * std::log(1 + hertz / 700); }

// A whole period of a Hann window, without its last zero.
Tensor Window() {
  Tensor window = at::empty({kFrame}, at::kDouble);
  auto* values = window.mutable_data_ptr<double>();
  for (int64_t i = 0; i < kFrame; ++i) {
    values[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi / kFrame * static_cast<double>(i));
  }
  return window;
}

// [kBins, kVggishBands]: triangles on the mel scale. The constant's bin has no weight.
Tensor MelWeights() {
  Tensor weights = at::zeros({kBins, kVggishBands}, at::kDouble);
  auto* values = weights.mutable_data_ptr<double>();
  const double low = Mel(kLowest);
  const double width = (Mel(kHighest) - low) / (kVggishBands + 1);  // between two bands' edges
  for (int64_t bin = 1; bin < kBins; ++bin) {
    const double mel = Mel(static_cast<double>(bin) * kVggishRate / kFft);
    for (int64_t band = 0; band < kVggishBands; ++band) {
      const double position = (mel - low) / width - static_cast<double>(band);  // 1 in the middle
      values[bin * kVggishBands + band] = std::max(0.0, std::min(position, 2 - position));
    }
  }
  return weights;
}

int64_t Frames(int64_t samples) { return samples < kFrame ? 0 : 1 + (samples - kFrame) / kHop; }

}  // namespace

int64_t VggishWindows(int64_t samples) { return Frames(samples) / kVggishFrames; }

at::Tensor VggishMel(absl::Span<const float> samples, int64_t first, int64_t count) {
  static const Tensor* const window = new Tensor(Window());
  static const Tensor* const mel = new Tensor(MelWeights());
  const int64_t frames = count * kVggishFrames;
  const int64_t begin = first * kVggishFrames * kHop;
  std::vector<double> part(samples.begin() + begin,
                           samples.begin() + begin + (frames - 1) * kHop + kFrame);
  const Tensor signal =
      at::from_blob(part.data(), {static_cast<int64_t>(part.size())}, at::kDouble);
  const Tensor spectrum = at::fft_rfft(signal.unfold(0, kFrame, kHop) * *window, kFft).abs();
  return at::log(at::matmul(spectrum, *mel) + kLogOffset)
      .to(at::kFloat)
      .view({count, 1, kVggishFrames, kVggishBands});
}

}  // namespace vidmuse
