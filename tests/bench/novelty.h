// How much music changes at a moment: in its spectrum and in its loudness.
#ifndef VIDMUSE_TESTS_BENCH_NOVELTY_H_
#define VIDMUSE_TESTS_BENCH_NOVELTY_H_

#include <array>
#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// What is compared: the two seconds after a moment with the two before it.
inline constexpr double kNoveltyContext = 2;  // seconds

struct Novelty {
  double spectrum = 0;  // root mean square over the bands of the change of their mean level, in dB
  double loudness = 0;  // change of the mean power, in dB, either way
};

// Analyses a song once, for many moments.
class NoveltyCurve {
 public:
  // `samples` are mono. Levels are taken in 40 bands from 50 Hz to 12 kHz, 50 times a second.
  NoveltyCurve(absl::Span<const float> samples, int sample_rate);

  // `seconds` must be at least kNoveltyContext away from both ends of the song.
  Novelty At(double seconds) const;
  double seconds() const;

 private:
  static constexpr int kBands = 40;
  struct Frame {
    std::array<float, kBands> levels;  // dB, their mean taken off
    float power = 0;
  };

  std::vector<Frame> frames_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_NOVELTY_H_
