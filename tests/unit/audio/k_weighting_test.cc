#include "core/audio/k_weighting.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/audio/signals.h"

namespace vidmuse {
namespace {

double Measure(int sample_rate, absl::Span<const float> samples) {
  KWeightedLoudness loudness(sample_rate);
  loudness.Add(samples);
  return loudness.Integrated();
}

// What torchaudio.functional.loudness of torchaudio 2.11.0 (CPU, float32) says of the same signals.
TEST(KWeightedLoudness, AgreesWithTorchaudio) {
  EXPECT_NEAR(Measure(32000, Noise(100000, 0.5f)), -7.81480, 1e-4);
  EXPECT_NEAR(Measure(32000, Noise(100000, 3.0f)), -1.62341, 1e-4);  // clamped after each filter
  EXPECT_NEAR(Measure(32000, Noise(100000, 0.01f)), -41.79417, 1e-4);
  EXPECT_NEAR(Measure(22050, Noise(100000, 0.2f)), -15.92162, 1e-4);
  EXPECT_NEAR(Measure(11025, Noise(40000, 0.2f)), -16.41172, 1e-4);  // 100 ms is no whole number
  EXPECT_NEAR(Measure(44100, Tone(200000, 60, 0.3f, 44100)), -17.08985, 1e-4);
  EXPECT_NEAR(Measure(48000, Tone(200000, 1000, 0.3f, 48000)), -13.50265, 1e-4);
}

TEST(KWeightedLoudness, GatesAsTorchaudioDoes) {
  const std::vector<float> signal = Join({Noise(64000, 0.5f), std::vector<float>(64000, 0.0f),
                                          Noise(64000, 0.07f, 2), Noise(64000, 0.25f, 3)});
  EXPECT_NEAR(Measure(32000, signal), -10.18160, 1e-4);
}

TEST(KWeightedLoudness, DoesNotDependOnTheCuts) {
  const std::vector<float> signal = Noise(50000, 0.5f);
  KWeightedLoudness whole(32000);
  whole.Add(signal);
  KWeightedLoudness cut(32000);
  ForEachCut(signal, 1, 8, [&](absl::Span<const float> piece, bool) { cut.Add(piece); });
  EXPECT_EQ(whole.Integrated(), cut.Integrated());
}

TEST(KWeightedLoudness, SilenceHasNone) {
  EXPECT_EQ(Measure(32000, {}), -HUGE_VAL);
  EXPECT_EQ(Measure(32000, std::vector<float>(100, 0.0f)), -HUGE_VAL);
  EXPECT_EQ(Measure(32000, std::vector<float>(32000, 0.0f)), -HUGE_VAL);
  // Loud enough, but not to an ear: the high-pass leaves nothing of a constant.
  EXPECT_EQ(Measure(32000, Tone(64000, 0.01, 1.0f)), -HUGE_VAL);
}

TEST(KWeightedLoudness, LessThanABlockCountsAsOne) {
  const std::vector<float> signal = Noise(12800, 0.5f);
  EXPECT_NEAR(Measure(32000, absl::MakeConstSpan(signal).first(12799)), Measure(32000, signal),
              0.1);
}

}  // namespace
}  // namespace vidmuse
