// Test signals, the same on every machine.
#ifndef VIDMUSE_TESTS_UNIT_AUDIO_SIGNALS_H_
#define VIDMUSE_TESTS_UNIT_AUDIO_SIGNALS_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"

namespace vidmuse {

// Uniform on [-amplitude, amplitude): (z >> 40) * 2^-24 of splitmix64, scaled.
std::vector<float> Noise(size_t samples, float amplitude, uint64_t seed = 1);

std::vector<float> Tone(size_t samples, double hz, float amplitude, int sample_rate = 32000);

std::vector<float> Join(absl::Span<const std::vector<float>> parts);

// Calls `feed` with pieces of random sizes, some of them empty, multiples of `unit`; `last` with
// the final one, which is empty for an even seed.
void ForEachCut(absl::Span<const float> samples, size_t unit, uint64_t seed,
                absl::FunctionRef<void(absl::Span<const float> piece, bool last)> feed);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_AUDIO_SIGNALS_H_
