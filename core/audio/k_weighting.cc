#include "core/audio/k_weighting.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace vidmuse {
namespace {

constexpr double kBlockSeconds = 0.4;
constexpr double kOverlap = 0.75;
constexpr double kAbsoluteGateLufs = -70.0;
constexpr double kRelativeGateLu = -10.0;
constexpr double kBiasLu = -0.691;

double Lufs(double energy) { return kBiasLu + 10.0 * std::log10(energy); }

// Returns the mean energy of the blocks louder than `gate` LUFS, or 0 if there is none.
double GatedMean(absl::Span<const double> energies, double gate) {
  double sum = 0;
  int64_t count = 0;
  for (const double energy : energies) {
    if (Lufs(energy) > gate) {
      sum += energy;
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

double Mean(absl::Span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

// Both filters are from the audio EQ cookbook (https://www.w3.org/TR/audio-eq-cookbook/), with
// torchaudio's order of float32 operations: at 38 Hz the rounding of cos(w0) changes the fifth
// digit of the result.
ClampedBiquad ClampedBiquad::Treble(int sample_rate, float gain_db, float frequency, float q) {
  const float w0 = 2 * std::numbers::pi_v<float> * frequency / static_cast<float>(sample_rate);
  const float alpha = std::sin(w0) / 2 / q;
  const float a = std::exp(gain_db / 40 * std::numbers::ln10_v<float>);
  const float slope = 2 * std::sqrt(a) * alpha;
  const float minus = (a - 1) * std::cos(w0);
  const float plus = (a + 1) * std::cos(w0);
  return ClampedBiquad(a * ((a + 1) + minus + slope), -2 * a * ((a - 1) + plus),
                       a * ((a + 1) + minus - slope), (a + 1) - minus + slope, 2 * ((a - 1) - plus),
                       (a + 1) - minus - slope);
}

ClampedBiquad ClampedBiquad::HighPass(int sample_rate, float frequency, float q) {
  const float w0 = 2 * std::numbers::pi_v<float> * frequency / static_cast<float>(sample_rate);
  const float alpha = std::sin(w0) / 2 / q;
  const float b = (1 + std::cos(w0)) / 2;
  return ClampedBiquad(b, -1 - std::cos(w0), b, 1 + alpha, -2 * std::cos(w0), 1 - alpha);
}

ClampedBiquad::ClampedBiquad(float b0, float b1, float b2, float a0, float a1, float a2)
    : b0_(b0 / a0), b1_(b1 / a0), b2_(b2 / a0), a1_(a1 / a0), a2_(a2 / a0) {}

float ClampedBiquad::Next(float x) {
  float y = (b2_ * x2_ + b1_ * x1_ + b0_ * x) - a2_ * y2_ - a1_ * y1_;
  // Denormals in a silent passage would make the loop many times slower.
  if (std::fabs(y) < 1e-30f) y = 0;
  x2_ = x1_;
  x1_ = x;
  y2_ = y1_;
  y1_ = y;
  return std::clamp(y, -1.0f, 1.0f);
}

// std::nearbyint rounds halves to even, as Python's round does.
KWeightedLoudness::KWeightedLoudness(int sample_rate)
    : block_samples_(static_cast<size_t>(std::nearbyint(kBlockSeconds * sample_rate))),
      step_samples_(static_cast<size_t>(
          std::nearbyint(static_cast<double>(block_samples_) * (1 - kOverlap)))),
      treble_(ClampedBiquad::Treble(sample_rate, 4.0f, 1500.0f, 1 / std::numbers::sqrt2_v<float>)),
      high_pass_(ClampedBiquad::HighPass(sample_rate, 38.0f, 0.5f)) {
  squares_.reserve(block_samples_);
}

void KWeightedLoudness::Add(absl::Span<const float> samples) {
  for (const float sample : samples) {
    const float weighted = high_pass_.Next(treble_.Next(sample));
    squares_.push_back(weighted * weighted);
    if (squares_.size() == block_samples_) {
      energies_.push_back(Mean(squares_));
      squares_.erase(squares_.begin(), squares_.begin() + static_cast<int64_t>(step_samples_));
    }
  }
}

double KWeightedLoudness::Integrated() const {
  std::vector<double> partial;
  if (energies_.empty() && !squares_.empty()) partial.push_back(Mean(squares_));
  const absl::Span<const double> energies = energies_.empty() ? partial : energies_;
  const double relative_gate = Lufs(GatedMean(energies, kAbsoluteGateLufs)) + kRelativeGateLu;
  return Lufs(GatedMean(energies, std::max(kAbsoluteGateLufs, relative_gate)));
}

}  // namespace vidmuse
