#include "core/curate/events.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace vidmuse::curate {
namespace {

constexpr size_t kLeastValues = 8 * kEventRate;

// The values less their mean, scaled to length 1; empty if they are all the same.
std::vector<double> Standardised(absl::Span<const double> values) {
  std::vector<double> result(values.begin(), values.end());
  const double mean =
      std::accumulate(result.begin(), result.end(), 0.0) / static_cast<double>(result.size());
  double squares = 0;
  for (double& value : result) {
    value -= mean;
    squares += value * value;
  }
  if (!(squares > 1e-12)) return {};
  for (double& value : result) value /= std::sqrt(squares);
  return result;
}

// The dot product of `a` with `b`, turned by `shift` places.
double Turned(const std::vector<double>& a, const std::vector<double>& b, size_t shift) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[(i + shift) % b.size()];
  return sum;
}

}  // namespace

std::optional<double> EventAgreement(absl::Span<const double> sound,
                                     absl::Span<const double> picture) {
  const size_t count = std::min(sound.size(), picture.size());
  if (count < kLeastValues) return std::nullopt;
  const std::vector<double> a = Standardised(sound.first(count));
  const std::vector<double> b = Standardised(picture.first(count));
  if (a.empty() || b.empty()) return std::nullopt;
  double sum = 0, squares = 0;
  size_t shifts = 0;
  for (size_t shift = kEventRate + 1; shift + kEventRate < count; ++shift, ++shifts) {
    const double correlation = Turned(a, b, shift);
    sum += correlation;
    squares += correlation * correlation;
  }
  const double n = static_cast<double>(shifts), mean = sum / n;
  const double variance = (squares - n * mean * mean) / (n - 1);
  if (!(variance > 1e-12)) return std::nullopt;
  return (Turned(a, b, 0) - mean) / std::sqrt(variance);
}

std::vector<double> AtEventRate(absl::Span<const double> curve, double rate) {
  std::vector<double> result;
  for (size_t i = 0; i < curve.size(); ++i) {
    const auto place = static_cast<size_t>(static_cast<double>(i) / rate * kEventRate);
    if (place >= result.size()) result.resize(place + 1);
    result[place] = std::max(result[place], curve[i]);
  }
  return result;
}

}  // namespace vidmuse::curate
