#include "core/audio/loudness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "tests/unit/audio/signals.h"

namespace vidmuse {
namespace {

constexpr int kRate = 32000;
constexpr LoudnessMode kModes[] = {LoudnessMode::kReference, LoudnessMode::kStreaming,
                                   LoudnessMode::kNone};

std::unique_ptr<LoudnessProcessor> Make(LoudnessMode mode, int sample_rate = kRate) {
  auto processor = LoudnessProcessor::Create(mode, sample_rate);
  EXPECT_TRUE(processor.ok()) << processor.status();
  return *std::move(processor);
}

struct Result {
  std::vector<float> samples;
  double lufs;
};

Result Deliver(LoudnessMode mode, absl::Span<const float> samples, int sample_rate = kRate) {
  auto processor = Make(mode, sample_rate);
  Result result;
  EXPECT_TRUE(processor->Process(samples, /*last=*/true, &result.samples).ok());
  result.lufs = processor->OutputLufs();
  return result;
}

float Peak(absl::Span<const float> samples) {
  float peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::fabs(sample));
  return peak;
}

// Silence, a quiet start, a loud middle, a peak, a fade.
std::vector<float> Song() {
  std::vector<float> song =
      Join({std::vector<float>(20000, 0.0f), Noise(60000, 0.02f), Noise(70001, 0.7f, 2),
            Tone(50000, 440, 0.3f), Noise(7, 3.0f), Noise(40000, 0.05f, 3)});
  song[120000] = 5.0f;
  return song;
}

class LoudnessModes : public testing::TestWithParam<LoudnessMode> {};
INSTANTIATE_TEST_SUITE_P(All, LoudnessModes, testing::ValuesIn(kModes));

TEST_P(LoudnessModes, OutputDoesNotDependOnTheCuts) {
  const std::vector<float> song = Song();
  const Result whole = Deliver(GetParam(), song);
  ASSERT_EQ(whole.samples.size(), song.size());
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    auto processor = Make(GetParam());
    std::vector<float> out;
    ForEachCut(song, 1, seed, [&](absl::Span<const float> piece, bool last) {
      ASSERT_TRUE(processor->Process(piece, last, &out).ok());
    });
    EXPECT_TRUE(out == whole.samples) << "seed " << seed;
    EXPECT_DOUBLE_EQ(processor->OutputLufs(), whole.lufs);
  }
}

TEST_P(LoudnessModes, TwoRunsAreTheSame) {
  EXPECT_TRUE(Deliver(GetParam(), Song()).samples == Deliver(GetParam(), Song()).samples);
}

TEST_P(LoudnessModes, AsManySamplesComeOutAsGoIn) {
  for (const int rate : {8000, 11025, 32000, 44100}) {
    for (const size_t length : {0, 1, 2, 31, 33, 1101, 1103, 3199, 3200, 3201, 12799, 12800, 12801,
                                13023, 13024, 13025, 50001}) {
      EXPECT_EQ(Deliver(GetParam(), Noise(length, 0.5f), rate).samples.size(), length)
          << length << " at " << rate << " Hz";
    }
  }
}

TEST_P(LoudnessModes, SilenceStaysSilence) {
  const std::vector<float> silence(40000, 0.0f);
  const Result result = Deliver(GetParam(), silence);
  EXPECT_EQ(result.samples, silence);
  EXPECT_EQ(result.lufs, -HUGE_VAL);
}

TEST_P(LoudnessModes, NoSamplesHaveNoLoudness) {
  const Result result = Deliver(GetParam(), {});
  EXPECT_TRUE(result.samples.empty());
  EXPECT_EQ(result.lufs, -HUGE_VAL);
}

TEST_P(LoudnessModes, NamesASampleThatIsNoNumber) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), 1e7f}) {
    auto processor = Make(GetParam());
    std::vector<float> out;
    ASSERT_TRUE(processor->Process(Noise(1000, 0.1f), /*last=*/false, &out).ok());
    const absl::Status status = processor->Process({{0.0f, bad, 0.0f}}, /*last=*/true, &out);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("sample 1001"));
  }
}

TEST_P(LoudnessModes, TakesNothingAfterTheEnd) {
  auto processor = Make(GetParam());
  std::vector<float> out;
  ASSERT_TRUE(processor->Process({}, /*last=*/true, &out).ok());
  EXPECT_EQ(processor->Process({}, /*last=*/true, &out).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(LoudnessModes, AppendsToWhatIsThere) {
  auto processor = Make(GetParam());
  std::vector<float> out = {7.0f};
  ASSERT_TRUE(processor->Process(std::vector<float>(100, 0.0f), /*last=*/true, &out).ok());
  EXPECT_EQ(out.size(), 101u);
  EXPECT_EQ(out[0], 7.0f);
}

TEST(Loudness, RefusesOddSampleRates) {
  for (const LoudnessMode mode : kModes) {
    for (const int rate : {-1, 0, 7999, 192001}) {
      EXPECT_EQ(LoudnessProcessor::Create(mode, rate).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST(LoudnessNone, PassesSamplesThrough) {
  const std::vector<float> song = Noise(40000, 2.0f);
  EXPECT_EQ(Deliver(LoudnessMode::kNone, song).samples, song);
}

// EBU Tech 3341: a 1 kHz tone at -23 dBFS in both of two channels is -23 LUFS; in one channel, 3.01
// less.
TEST(LoudnessNone, MeasuresAsEbuR128) {
  const float amplitude = std::pow(10.0f, -23.0f / 20);
  const Result result = Deliver(LoudnessMode::kNone, Tone(640000, 1000, amplitude));
  EXPECT_NEAR(result.lufs, -23 - 3.01, 0.1);
}

TEST(LoudnessReference, HoldsAllBackUntilTheEnd) {
  auto processor = Make(LoudnessMode::kReference);
  std::vector<float> out;
  ASSERT_TRUE(processor->Process(Noise(100000, 0.1f), /*last=*/false, &out).ok());
  EXPECT_TRUE(out.empty());
  ASSERT_TRUE(processor->Process({}, /*last=*/true, &out).ok());
  EXPECT_EQ(out.size(), 100000u);
}

TEST(LoudnessReference, IsOneGainThenTanh) {
  const std::vector<float> song = Noise(100000, 0.5f);
  const Result result = Deliver(LoudnessMode::kReference, song);
  const float gain =
      std::pow(10.0f, (-16.0f + 7.81480f) / 20);  // torchaudio's loudness of this signal
  for (size_t i = 0; i < song.size(); ++i) {
    ASSERT_NEAR(result.samples[i], std::tanh(gain * song[i]), 1e-5) << i;
  }
}

TEST(LoudnessReference, OnlyClampsWhatIsTooQuiet) {
  std::vector<float> quiet = Noise(1000000, 0.0017f);  // RMS 0.001
  quiet[7] = 1.5f;
  std::vector<float> expected = quiet;
  expected[7] = 1.0f;
  EXPECT_EQ(Deliver(LoudnessMode::kReference, quiet).samples, expected);
}

TEST(LoudnessReference, OnlyClampsWhatCannotBeMeasured) {
  const std::vector<float> rumble = Tone(64000, 0.01, 0.5f);
  EXPECT_EQ(Deliver(LoudnessMode::kReference, rumble).samples, rumble);
}

TEST(LoudnessStreaming, ReachesTheTargetOnSteadySignals) {
  for (const float amplitude : {0.06f, 0.3f, 1.0f, 3.0f}) {
    const Result noise = Deliver(LoudnessMode::kStreaming, Noise(320000, amplitude));
    EXPECT_NEAR(noise.lufs, kTargetLufs, 0.5) << "noise " << amplitude;
    const Result tone = Deliver(LoudnessMode::kStreaming, Tone(320000, 440, amplitude));
    EXPECT_NEAR(tone.lufs, kTargetLufs, 0.5) << "tone " << amplitude;
  }
}

TEST(LoudnessStreaming, NeverExceedsTheCeiling) {
  EXPECT_LE(Peak(Deliver(LoudnessMode::kStreaming, Song()).samples), 0.89126f);
  // As soft as can be measured, so the gain is as high as it gets; then as loud as can be.
  const auto jump = Join({Noise(64000, 0.01f), Noise(64000, 100.0f)});
  EXPECT_LE(Peak(Deliver(LoudnessMode::kStreaming, jump).samples), 0.89126f);
}

TEST(LoudnessStreaming, GainIsAtMostTwentyDecibels) {
  const std::vector<float> faint = Noise(320000, 0.002f);
  const std::vector<float> out = Deliver(LoudnessMode::kStreaming, faint).samples;
  EXPECT_NEAR(Peak(out), 0.02f, 1e-4);
}

TEST(LoudnessStreaming, GainMovesSlowly) {
  // The louder half stays under the limiter, even at the gain of the softer one.
  const auto song = Join({Tone(96000, 1000, 0.02f), Tone(160000, 1000, 0.08f)});
  const std::vector<float> out = Deliver(LoudnessMode::kStreaming, song).samples;
  double previous = 0;
  for (size_t i = 8; i < song.size(); i += 3200) {  // at a crest
    const double gain_db = 20 * std::log10(out[i] / song[i]);
    if (i > 8) {
      EXPECT_LE(std::fabs(gain_db - previous), 0.61) << i;
    }
    previous = gain_db;
  }
  EXPECT_NEAR(20 * std::log10(out[8] / song[8]), 20, 1);
}

double RmsDb(absl::Span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return 10 * std::log10(sum / static_cast<double>(samples.size()));
}

TEST(LoudnessStreaming, KeepsDynamics) {
  const auto song = Join({Noise(320000, 0.1f), Noise(160000, 0.3f), Noise(320000, 0.1f)});
  const std::vector<float> out = Deliver(LoudnessMode::kStreaming, song).samples;
  const auto at = absl::MakeConstSpan(out);
  const double lead_db = RmsDb(at.subspan(400000, 32000)) - RmsDb(at.subspan(280000, 32000));
  EXPECT_GT(lead_db, 4);
  EXPECT_LT(lead_db, 9.5);  // in the input
}

TEST(LoudnessStreaming, KeepsALoudPassageNearTheTarget) {
  const auto song = Join({Noise(960000, 0.05f), Noise(160000, 0.4f)});  // 18 dB up after 30 s
  const std::vector<float> out = Deliver(LoudnessMode::kStreaming, song).samples;
  const auto at = absl::MakeConstSpan(out);
  const double lead_db = RmsDb(at.subspan(1060000, 32000)) - RmsDb(at.subspan(900000, 32000));
  EXPECT_GT(lead_db, 4);
  EXPECT_LT(lead_db, 6.5);
}

TEST(LoudnessStreaming, HoldsBackNoMoreThanItSays) {
  for (const int rate : {8000, 11025, 32000, 44100}) {
    auto processor = Make(LoudnessMode::kStreaming, rate);
    const std::vector<float> song = Noise(60000, 0.5f);
    std::vector<float> out;
    size_t most = 0;
    for (size_t i = 0; i < song.size(); ++i) {
      ASSERT_TRUE(processor->Process(absl::MakeConstSpan(&song[i], 1), /*last=*/false, &out).ok());
      most = std::max(most, i + 1 - out.size());
    }
    EXPECT_LE(most, static_cast<size_t>(kStreamingLookaheadMs) * rate / 1000) << rate;
  }
}

}  // namespace
}  // namespace vidmuse
