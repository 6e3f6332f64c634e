// Music and pictures that are hashes of their names, as tests/data/golden/make/make_rhythm.py makes
// them.
#ifndef VIDMUSE_TESTS_SUPPORT_HASH_MUSIC_H_
#define VIDMUSE_TESTS_SUPPORT_HASH_MUSIC_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {

struct Tune {
  std::string name;
  double seconds = 0;
  int silent_seconds = 0;  // at the end
  double tempo = 0;        // notes a minute
  double jitter = 0;       // of the notes' times, in notes
  int key = 0;             // semitones above C
  bool minor = false;
};

// Notes of noise and chords that fade, mono, at 22050 Hz.
inline std::vector<float> MakeTune(const Tune& tune) {
  constexpr int kRate = 22050;
  constexpr int kMajor[] = {0, 4, 7, 5, 9, 12, 7, 11, 14};
  constexpr int kMinor[] = {0, 3, 7, 5, 8, 12, 7, 10, 14};
  const int* const scale = tune.minor ? kMinor : kMajor;
  std::vector<double> sum(static_cast<size_t>(tune.seconds * kRate));
  const int notes = static_cast<int>((tune.seconds - tune.silent_seconds) * tune.tempo / 60);
  const uint64_t jitter = Fnv1a64(tune.name + ":jitter");
  for (int k = 0; k < notes; ++k) {
    const double moved = k + tune.jitter * HashUniform(jitter, static_cast<uint64_t>(k));
    const auto start = static_cast<size_t>(moved * 60 / tune.tempo * kRate);
    const uint64_t noise = Fnv1a64(absl::StrCat(tune.name, ":", k));
    const size_t length = std::min<size_t>(sum.size() - start, kRate / 2);
    for (size_t i = 0; i < length; ++i) {
      const auto n = static_cast<double>(i);
      double value = 0.25 * std::exp(-n / 1500) * (2.0 * HashUniform(noise, i) - 1);
      for (int degree = 0; degree < 3; ++degree) {
        const int step = scale[3 * (k % 3) + degree];
        const double hertz = 261.6255653 * std::exp2((tune.key + step) / 12.0);
        value += 0.1 * std::exp(-n / 4000) * std::sin(2 * std::numbers::pi * hertz * n / kRate);
      }
      sum[start + i] += value;
    }
  }
  return {sum.begin(), sum.end()};
}

// 8-bit RGB of 18 rows of 32 pixels. Each scene is noise that moves a little.
inline std::vector<uint8_t> MakePicture(int number) {
  constexpr int kScenes[] = {0, 20, 24, 27, 50, 70, 71, 110, 112};  // the first picture of each
  const auto scene = std::upper_bound(std::begin(kScenes), std::end(kScenes), number);
  const uint64_t key = Fnv1a64(absl::StrCat("scene:", scene - std::begin(kScenes) - 1));
  std::vector<uint8_t> rgb(size_t{18} * 32 * 3);
  for (size_t i = 0; i < rgb.size(); ++i) {
    rgb[i] = static_cast<uint8_t>(static_cast<size_t>(HashUniform(key, i) * 240) +
                                  (3 * static_cast<size_t>(number) + i) % 9);
  }
  return rgb;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_HASH_MUSIC_H_
