#include "core/audio/peak_limiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/audio/signals.h"

namespace vidmuse {
namespace {

constexpr float kCeiling = 0.89125097f;  // -1 dB

std::vector<float> Limit(absl::Span<const float> samples, int sample_rate = 32000) {
  auto meter = LoudnessMeter::Create(sample_rate, EBUR128_MODE_TRUE_PEAK);
  EXPECT_TRUE(meter.ok()) << meter.status();
  PeakLimiter limiter(sample_rate, *std::move(meter));
  std::vector<float> out;
  EXPECT_TRUE(limiter.Process(samples, /*last=*/true, &out).ok());
  return out;
}

float Peak(absl::Span<const float> samples) {
  float peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::fabs(sample));
  return peak;
}

double TruePeak(absl::Span<const float> samples, int sample_rate) {
  auto meter = LoudnessMeter::Create(sample_rate, EBUR128_MODE_TRUE_PEAK);
  EXPECT_TRUE(meter.ok()) << meter.status();
  EXPECT_TRUE(meter->Add(samples).ok());
  return meter->LastTruePeak();
}

TEST(PeakLimiter, LeavesQuietSamplesAlone) {
  for (const size_t length : {0, 1, 31, 32, 33, 223, 224, 225, 10000}) {
    const std::vector<float> quiet = Noise(length, 0.4f);
    EXPECT_EQ(Limit(quiet), quiet) << length;
  }
}

TEST(PeakLimiter, KeepsLoudSamplesUnderTheCeiling) {
  for (const int rate : {8000, 11025, 32000, 44100, 96000}) {
    std::vector<float> signal = Noise(30000, 4.0f);
    signal[0] = 100;
    signal[15000] = -1e6f;
    signal.back() = 10;
    const std::vector<float> limited = Limit(signal, rate);
    ASSERT_EQ(limited.size(), signal.size());
    EXPECT_LE(Peak(limited), kCeiling) << rate;
  }
}

// The envelope, and not the final clamp, does the work: a clamped tone would have its crests cut
// flat.
TEST(PeakLimiter, TurnsDownInsteadOfClipping) {
  const std::vector<float> limited = Limit(Tone(32000, 440, 2.0f));
  const std::vector<float> expected = Tone(32000, 440, kCeiling);
  for (size_t i = 1000; i < 31000; ++i) ASSERT_NEAR(limited[i], expected[i], 0.02) << i;
}

// The gain falls over 5 ms, at the start of the song as well; a clamp would make it jump.
TEST(PeakLimiter, GainIsSmooth) {
  for (const size_t onset : {0, 5000, 5015, 5016}) {
    std::vector<float> signal = Noise(10000, 1.0f);
    for (size_t i = 0; i < signal.size(); ++i) {
      signal[i] = std::copysign((i < onset ? 0.3f : 2.0f) + 0.3f * std::fabs(signal[i]), signal[i]);
    }
    const std::vector<float> limited = Limit(signal);
    for (size_t i = 1; i < signal.size(); ++i) {
      const float change = limited[i] / signal[i] - limited[i - 1] / signal[i - 1];
      ASSERT_LE(std::fabs(change), 1.0f / 160) << i << ", onset " << onset;
    }
  }
}

// A burst at a quarter of the sample rate whose samples all miss its crests, anywhere in a block.
TEST(PeakLimiter, SeesPeaksBetweenSamplesOfABurst) {
  for (const float amplitude : {0.85f, 8.5f, 85.0f}) {
    for (size_t start = 8000; start < 8032; ++start) {
      std::vector<float> signal(16000, 0.0f);
      for (size_t i = 0; i < 8; ++i) signal[start + i] = (i / 2 % 2 == 0 ? amplitude : -amplitude);
      ASSERT_GT(TruePeak(signal, 32000), 1.1);
      EXPECT_LE(TruePeak(Limit(signal), 32000), 0.9) << start << ", amplitude " << amplitude;
    }
  }
}

// The same, lasting.
TEST(PeakLimiter, SeesPeaksBetweenSamples) {
  std::vector<float> tone(32000);
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = (i / 2 % 2 == 0 ? 0.85f : -0.85f);
  const std::vector<float> middle(tone.begin() + 8000, tone.begin() + 16000);
  ASSERT_GT(TruePeak(middle, 32000), 1.1);
  const std::vector<float> limited = Limit(tone);
  EXPECT_LE(TruePeak(absl::MakeConstSpan(limited).subspan(8000, 8000), 32000), 0.93);
}

TEST(PeakLimiter, ReleasesAfterAPeak) {
  std::vector<float> signal = Tone(32000, 440, 0.5f);
  signal[16000] = 4.0f;
  const std::vector<float> limited = Limit(signal);
  EXPECT_EQ(limited[15000], signal[15000]);          // 31 ms before
  EXPECT_LT(std::fabs(limited[16010]), 0.25f);       // turned down right after it
  EXPECT_NEAR(limited[31990], signal[31990], 0.01);  // 0.5 s after
}

}  // namespace
}  // namespace vidmuse
