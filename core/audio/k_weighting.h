// Loudness as torchaudio 2.x measures it.
#ifndef VIDMUSE_AUDIO_K_WEIGHTING_H_
#define VIDMUSE_AUDIO_K_WEIGHTING_H_

#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// A second-order section in float32 whose output is clamped to [-1, 1] outside the recursion:
// torchaudio's `biquad`, which is `lfilter` with clamp=True.
class ClampedBiquad {
 public:
  // torchaudio's `treble_biquad`: a high shelf of `gain_db` at `frequency`.
  static ClampedBiquad Treble(int sample_rate, float gain_db, float frequency, float q);
  // torchaudio's `highpass_biquad`.
  static ClampedBiquad HighPass(int sample_rate, float frequency, float q);

  float Next(float x);

 private:
  ClampedBiquad(float b0, float b1, float b2, float a0, float a1, float a2);

  float b0_, b1_, b2_, a1_, a2_;
  float x1_ = 0, x2_ = 0, y1_ = 0, y2_ = 0;
};

// Integrated loudness of a mono signal by `torchaudio.functional.loudness`: ITU-R BS.1770-4 in
// float32 with clamping and with cookbook filters instead of the standard's coefficients. It
// differs from EBU R128 meters by a few tenths of a LU, and by more where the clamping takes
// effect. Keeps 400 ms of squared samples, and 8 bytes for each 100 ms of signal.
class KWeightedLoudness {
 public:
  explicit KWeightedLoudness(int sample_rate);

  void Add(absl::Span<const float> samples);

  // Returns the LUFS of everything added; -HUGE_VAL if every block is under the absolute gate.
  // Before the first whole block, all samples so far count as one block.
  double Integrated() const;

 private:
  const size_t block_samples_;  // 400 ms
  const size_t step_samples_;   // 100 ms
  ClampedBiquad treble_;
  ClampedBiquad high_pass_;
  std::vector<float> squares_;    // of the current block
  std::vector<double> energies_;  // mean square of each whole block
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_K_WEIGHTING_H_
