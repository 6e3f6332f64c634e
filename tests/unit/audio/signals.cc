#include "tests/unit/audio/signals.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace vidmuse {

std::vector<float> Noise(size_t samples, float amplitude, uint64_t seed) {
  std::vector<float> noise(samples);
  for (size_t i = 0; i < samples; ++i) {
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    noise[i] = amplitude * (2 * static_cast<float>(z >> 40) * 0x1p-24f - 1);
  }
  return noise;
}

std::vector<float> Tone(size_t samples, double hz, float amplitude, int sample_rate) {
  std::vector<float> tone(samples);
  for (size_t i = 0; i < samples; ++i) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(i) / sample_rate;
    tone[i] = amplitude * static_cast<float>(std::sin(phase));
  }
  return tone;
}

std::vector<float> Join(absl::Span<const std::vector<float>> parts) {
  std::vector<float> joined;
  for (const auto& part : parts) joined.insert(joined.end(), part.begin(), part.end());
  return joined;
}

void ForEachCut(absl::Span<const float> samples, size_t unit, uint64_t seed,
                absl::FunctionRef<void(absl::Span<const float> piece, bool last)> feed) {
  std::mt19937_64 random(seed);
  const size_t largest = size_t{1} << (1 + seed % 15);
  const bool empty_end = seed % 2 == 0;
  while (!samples.empty()) {
    const size_t take = std::min(samples.size(), random() % largest * unit);
    const bool last = take == samples.size() && !empty_end;
    feed(samples.first(take), last);
    samples.remove_prefix(take);
    if (last) return;
  }
  feed({}, true);
}

}  // namespace vidmuse
