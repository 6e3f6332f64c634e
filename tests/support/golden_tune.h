// The tune of tests/data/golden/prompt.
#ifndef VIDMUSE_TESTS_SUPPORT_GOLDEN_TUNE_H_
#define VIDMUSE_TESTS_SUPPORT_GOLDEN_TUNE_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/model/synthetic/hash_values.h"
#include "tests/support/wav_file.h"

namespace vidmuse {

// 16-bit noise in two channels, `count` samples of each, by its name.
inline std::string GoldenNoise(const std::string& name, int sample_rate, int64_t count) {
  std::vector<int16_t> samples;
  for (int64_t i = 0; i < 2 * count; ++i) {
    const float uniform = HashUniform(Fnv1a64(name), static_cast<uint64_t>(i));
    samples.push_back(static_cast<int16_t>(std::floor(uniform * 65536) - 32768));
  }
  return WavFile(sample_rate, 2, samples);
}

inline constexpr int kGoldenTuneRate = 44100;
inline constexpr int kGoldenTuneFrames = 65;  // of tokens

inline std::string GoldenTune() { return GoldenNoise("tiny:prompt", kGoldenTuneRate, 57000); }

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_GOLDEN_TUNE_H_
