#include "core/extractors/sinc_resampler.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>

namespace vidmuse {
namespace {

constexpr double kZeroCrossings = 6;
constexpr double kRolloff = 0.99;

// The weights of one of the `to` positions that a result can have between two samples.
struct Phase {
  int64_t first =
      0;  // position of the first weight, relative to the sample at or before the result
  std::vector<float> weights;
};

// `from` and `to` have no common divisor.
Phase MakePhase(int64_t phase, int64_t from, int64_t to) {
  const double base = static_cast<double>(std::min(from, to)) * kRolloff;
  const auto width =
      static_cast<int64_t>(std::ceil(kZeroCrossings * static_cast<double>(from) / base));
  // The original computes this term alone in single precision.
  const double start = -static_cast<float>(phase) / static_cast<float>(to);
  Phase result;
  const double reach = kZeroCrossings * static_cast<double>(from) / base;
  const double middle = -start * static_cast<double>(from);
  const auto begin = std::max(-width, static_cast<int64_t>(std::floor(middle - reach)));
  const auto end = std::min(width + from, static_cast<int64_t>(std::ceil(middle + reach)) + 1);
  for (int64_t i = begin; i < end; ++i) {
    const double t = base * (start + static_cast<double>(i) / static_cast<double>(from));
    if (std::abs(t) >= kZeroCrossings) continue;  // the window is zero there
    if (result.weights.empty()) result.first = i;
    const double angle = t * std::numbers::pi;
    const double cosine = std::cos(angle / kZeroCrossings / 2);
    const double sinc = t == 0 ? 1 : std::sin(angle) / angle;
    result.weights.push_back(
        static_cast<float>(sinc * cosine * cosine * base / static_cast<double>(from)));
  }
  return result;
}

}  // namespace

std::vector<float> SincResample(absl::Span<const float> samples, int from_rate, int to_rate) {
  if (from_rate == to_rate) return {samples.begin(), samples.end()};
  const int64_t divisor = std::gcd(from_rate, to_rate);
  const int64_t from = from_rate / divisor;
  const int64_t to = to_rate / divisor;
  std::vector<Phase> phases;
  phases.reserve(static_cast<size_t>(to));
  for (int64_t phase = 0; phase < to; ++phase) phases.push_back(MakePhase(phase, from, to));
  const auto count = static_cast<int64_t>(samples.size());
  std::vector<float> result(static_cast<size_t>((count * to + from - 1) / from));
  for (size_t i = 0; i < result.size(); ++i) {
    const Phase& phase = phases[i % static_cast<size_t>(to)];
    const int64_t first = static_cast<int64_t>(i) / to * from + phase.first;
    const int64_t begin = std::max<int64_t>(0, -first);
    const int64_t end = std::min(static_cast<int64_t>(phase.weights.size()), count - first);
    double sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      sum += static_cast<double>(phase.weights[static_cast<size_t>(k)]) *
             static_cast<double>(samples[static_cast<size_t>(first + k)]);
    }
    result[i] = static_cast<float>(sum);
  }
  return result;
}

}  // namespace vidmuse
