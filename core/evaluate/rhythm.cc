#include "core/evaluate/rhythm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/audio/resampler.h"
#include "core/base/status_macros.h"

namespace vidmuse::evaluate {
namespace {

// Scales the strength to [0, 1].
std::vector<double> Normalise(absl::Span<const double> strength) {
  const auto [low, high] = std::minmax_element(strength.begin(), strength.end());
  const double range = *high - *low + std::numeric_limits<double>::min();
  std::vector<double> scaled;
  scaled.reserve(strength.size());
  for (const double value : strength) scaled.push_back((value - *low) / range);
  return scaled;
}

// The values from `before` frames before frame `n` to `after` after it, itself and the end excluded
// from neither and both.
absl::Span<const double> Around(absl::Span<const double> values, int64_t n, int before, int after) {
  const int64_t first = std::max<int64_t>(0, n - before);
  const int64_t last = std::min(static_cast<int64_t>(values.size()), n + after);
  return values.subspan(static_cast<size_t>(first), static_cast<size_t>(last - first));
}

bool IsPeak(absl::Span<const double> values, int64_t n, const PeakRule& rule) {
  const double value = values[static_cast<size_t>(n)];
  const auto highest = Around(values, n, rule.pre_max, rule.post_max);
  if (value < *std::max_element(highest.begin(), highest.end())) return false;
  const auto near = Around(values, n, rule.pre_avg, rule.post_avg);
  const double mean =
      std::accumulate(near.begin(), near.end(), 0.0) / static_cast<double>(near.size());
  return value >= mean + rule.delta;
}

}  // namespace

absl::StatusOr<std::vector<float>> MonoForRhythm(const Sound& sound) {
  if (sound.sample_rate < 1 || sound.channels.empty() || sound.channels.front().empty()) {
    return absl::InvalidArgumentError("the sound has no samples");
  }
  std::vector<float> mono(sound.channels.front().size());
  const auto channels = static_cast<float>(sound.channels.size());
  for (const std::vector<float>& channel : sound.channels) {
    if (channel.size() != mono.size()) {
      return absl::InvalidArgumentError("the sound's channels differ in length");
    }
    for (size_t i = 0; i < mono.size(); ++i) mono[i] += channel[i] / channels;
  }
  return Resample(mono, sound.sample_rate, kRhythmRate);
}

std::vector<double> PickOnsets(absl::Span<const double> strength, const PeakRule& rule) {
  std::vector<double> onsets;
  if (strength.empty()) return onsets;
  const std::vector<double> scaled = Normalise(strength);
  if (std::all_of(scaled.begin(), scaled.end(), [](double value) { return value == 0; })) {
    return onsets;
  }
  for (int64_t n = 0; n < static_cast<int64_t>(scaled.size()); ++n) {
    if (!IsPeak(scaled, n, rule)) continue;
    onsets.push_back(static_cast<double>(n) * kRhythmHop / kRhythmRate);
    n += rule.wait;
  }
  return onsets;
}

absl::StatusOr<std::vector<double>> DetectOnsets(absl::Span<const float> samples,
                                                 const PeakRule& rule) {
  ASSIGN_OR_RETURN(const std::vector<double> strength, OnsetStrength(samples, BandAverage::kMean));
  return PickOnsets(strength, rule);
}

absl::StatusOr<Beats> DetectBeats(absl::Span<const float> samples) {
  ASSIGN_OR_RETURN(const std::vector<double> strength,
                   OnsetStrength(samples, BandAverage::kMedian));
  return TrackBeats(strength);
}

TempoAgreement CompareTempos(double reference, double tempo) {
  const auto near = [&](double expected) {
    return expected > 0 && std::abs(tempo - expected) <= 0.1 * expected;
  };
  if (near(reference)) return TempoAgreement::kSame;
  return near(2 * reference) || near(reference / 2) ? TempoAgreement::kOctave
                                                    : TempoAgreement::kNone;
}

}  // namespace vidmuse::evaluate
