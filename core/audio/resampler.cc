#include "core/audio/resampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace vidmuse {
namespace {

constexpr float kZeros = 24;
constexpr double kRolloff = 0.945;

// Filters of all phases, for rates without a common divisor. Output new_rate * n + phase is the sum
// of Weights(phase)[i] * input[old_rate * n + FirstTap(phase) + i].
class SincFilter {
 public:
  SincFilter(int old_rate, int new_rate)
      : old_rate_(old_rate),
        new_rate_(new_rate),
        cutoff_(std::min(old_rate, new_rate) * kRolloff) {}

  // The first tap inside the window.
  int64_t FirstTap(int phase) const {
    return static_cast<int64_t>(std::ceil(Center(phase) - HalfWidth()));
  }

  std::vector<float> Weights(int phase) const {
    const int64_t first = FirstTap(phase);
    const auto last = static_cast<int64_t>(std::floor(Center(phase) + HalfWidth()));
    // In float32 and in the published code's order of operations, whose rounding of `t` is
    // seen in the fifth digit.
    const auto begin = static_cast<float>(-static_cast<double>(phase) / new_rate_);
    const auto cutoff = static_cast<float>(cutoff_);
    constexpr auto kPi = static_cast<float>(std::numbers::pi);
    std::vector<float> weights;
    for (int64_t tap = first; tap <= last; ++tap) {
      const float at = static_cast<float>(tap) / static_cast<float>(old_rate_);
      const float t = std::clamp((begin + at) * cutoff, -kZeros, kZeros) * kPi;
      const float window = std::cos(t / kZeros / 2);
      weights.push_back((t == 0 ? 1 : std::sin(t) / t) * (window * window));
    }
    const float sum = std::accumulate(weights.begin(), weights.end(), 0.0f);
    for (float& weight : weights) weight /= sum;
    return weights;
  }

 private:
  // In input samples.
  double Center(int phase) const { return static_cast<double>(phase) * old_rate_ / new_rate_; }
  double HalfWidth() const { return kZeros * old_rate_ / cutoff_; }

  const int old_rate_, new_rate_;
  const double cutoff_;
};

// The sum of weights[i] * samples[first + i], where the signal goes on with its first and last
// sample.
float Dot(absl::Span<const float> samples, int64_t first, const std::vector<float>& weights) {
  const auto last = static_cast<int64_t>(samples.size()) - 1;
  float sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t at = std::clamp<int64_t>(first + static_cast<int64_t>(i), 0, last);
    sum += weights[i] * samples[at];
  }
  return sum;
}

}  // namespace

int64_t ResampledSize(int64_t samples, int from, int to) {
  const int divisor = std::gcd(from, to);
  const int64_t new_rate = to / divisor, old_rate = from / divisor;
  const double exact = static_cast<double>(new_rate * samples) / static_cast<double>(old_rate);
  return static_cast<int64_t>(std::floor(static_cast<float>(exact)));
}

std::vector<float> Resample(absl::Span<const float> samples, int from, int to) {
  if (from == to) return {samples.begin(), samples.end()};
  const int divisor = std::gcd(from, to);
  const int old_rate = from / divisor, new_rate = to / divisor;
  const SincFilter filter(old_rate, new_rate);
  const int64_t size = ResampledSize(static_cast<int64_t>(samples.size()), from, to);
  std::vector<float> out(static_cast<size_t>(size));
  // Phase by phase, so that only one phase's filter is in memory: there may be as many phases as
  // samples a second.
  for (int phase = 0; phase < new_rate && phase < size; ++phase) {
    const std::vector<float> weights = filter.Weights(phase);
    int64_t first = filter.FirstTap(phase);
    for (int64_t n = phase; n < size; n += new_rate, first += old_rate) {
      out[n] = Dot(samples, first, weights);
    }
  }
  return out;
}

}  // namespace vidmuse
