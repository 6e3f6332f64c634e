#include "core/extractors/kaiser_resampler.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>

namespace vidmuse {
namespace {

// Those of the published table, "kaiser_best".
constexpr int64_t kZeros = 50;
constexpr int64_t kStepsPerZero = 8192;
constexpr double kBeta = 12.984585247040012;
constexpr double kRolloff = 0.9173473712608761;

// The modified Bessel function of the first kind and order 0.
double BesselI0(double x) {
  double term = 1, sum = 1;
  for (int k = 1; term > sum * 1e-17; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}

// The filter's right half, kStepsPerZero values for each zero crossing.
const std::vector<double>& Table() {
  static const auto* const table = [] {
    constexpr int64_t kSize = kZeros * kStepsPerZero;
    auto* values = new std::vector<double>(kSize + 1);
    for (int64_t i = 0; i <= kSize; ++i) {
      const double at = static_cast<double>(i) / kSize;
      const double angle = std::numbers::pi * kRolloff * at * kZeros;
      const double sinc = i == 0 ? 1 : std::sin(angle) / angle;
      const double window = BesselI0(kBeta * std::sqrt(1 - at * at)) / BesselI0(kBeta);
      (*values)[i] = kRolloff * sinc * window;
    }
    return values;
  }();
  return *table;
}

// The weights of the samples at and before a result (or of those after it) that lies `fraction` of
// a sample after the first of them. `scale` is below 1 if the rate is lowered. The published code
// rounds the step through the table down.
std::vector<double> Weights(double fraction, double scale) {
  const std::vector<double>& table = Table();
  const auto size = static_cast<int64_t>(table.size());
  const auto step = static_cast<int64_t>(scale * kStepsPerZero);
  const double position = fraction * kStepsPerZero;
  const auto offset = static_cast<int64_t>(position);
  const double between = position - static_cast<double>(offset);
  std::vector<double> weights;
  for (int64_t i = 0; i < (size - offset) / step; ++i) {
    const int64_t at = offset + i * step;
    const double next = at + 1 < size ? table[at + 1] : table[at];
    weights.push_back(std::min(scale, 1.0) * (table[at] + between * (next - table[at])));
  }
  return weights;
}

}  // namespace

std::vector<float> KaiserResample(absl::Span<const float> samples, int from_rate, int to_rate) {
  if (from_rate == to_rate) return {samples.begin(), samples.end()};
  const int64_t divisor = std::gcd(from_rate, to_rate);
  const int64_t from = from_rate / divisor, to = to_rate / divisor;
  const auto count = static_cast<int64_t>(samples.size());
  // librosa adds a zero where resampy rounds the number of samples down.
  std::vector<float> result(static_cast<size_t>((count * to + from - 1) / from));
  const int64_t filled = count * to / from;
  const double scale = std::min(1.0, static_cast<double>(to) / static_cast<double>(from));
  // Phase by phase, so that only one phase's weights are in memory.
  for (int64_t phase = 0; phase < std::min(to, filled); ++phase) {
    const int64_t whole = phase * from / to;
    const double fraction =
        scale * static_cast<double>(phase * from % to) / static_cast<double>(to);
    const std::vector<double> before = Weights(fraction, scale);
    const std::vector<double> after = Weights(scale - fraction, scale);
    int64_t at = whole;  // the last sample at or before the result
    for (int64_t i = phase; i < filled; i += to, at += from) {
      const auto left = std::min<int64_t>(at + 1, static_cast<int64_t>(before.size()));
      const auto right = std::min<int64_t>(count - at - 1, static_cast<int64_t>(after.size()));
      double sum = 0;
      for (int64_t k = 0; k < left; ++k) sum += before[k] * samples[at - k];
      for (int64_t k = 0; k < right; ++k) sum += after[k] * samples[at + 1 + k];
      result[i] = static_cast<float>(sum);
    }
  }
  return result;
}

}  // namespace vidmuse
