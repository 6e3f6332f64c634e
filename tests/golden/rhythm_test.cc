// Onsets, beats, tempo, key, beat scores and cuts equal what published programs find in the same
// sounds and pictures.
#include "core/evaluate/rhythm.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/evaluate/beat_scores.h"
#include "core/evaluate/cuts.h"
#include "core/evaluate/music_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_music.h"
#include "tests/support/test_data.h"

namespace vidmuse::evaluate {
namespace {

const nlohmann::json& Expected() {
  static const auto* const expected = new nlohmann::json(
      nlohmann::json::parse(std::ifstream(TestData("golden/measures/rhythm.json"))));
  return *expected;
}

const std::vector<Tune>& Tunes() {
  static const auto* const tunes = new std::vector<Tune>{
      {.name = "steady", .seconds = 12, .tempo = 100},
      {.name = "loose", .seconds = 20, .tempo = 140, .jitter = 0.3, .key = 9, .minor = true},
      {.name = "ending",
       .seconds = 9.5,
       .silent_seconds = 4,
       .tempo = 90,
       .jitter = 0.05,
       .key = 6},
      {.name = "sparse", .seconds = 15.3, .tempo = 33, .jitter = 0.4, .key = 2, .minor = true}};
  return *tunes;
}

std::vector<int> ToFrames(const std::vector<double>& times) {
  std::vector<int> frames;
  for (const double time : times) {
    frames.push_back(static_cast<int>(std::lround(time * kRhythmRate / kRhythmHop)));
  }
  return frames;
}

class TuneTest : public ::testing::TestWithParam<size_t> {
 protected:
  const Tune& tune_ = Tunes()[GetParam()];
  const std::vector<float> samples_ = MakeTune(tune_);
  const nlohmann::json& expected_ = Expected().at(tune_.name);

  void ExpectStrength(BandAverage average, const nlohmann::json& expected) const {
    const auto strength = OnsetStrength(samples_, average);
    ASSERT_TRUE(strength.ok()) << strength.status();
    ASSERT_EQ(strength->size(), expected_["frames"].get<size_t>());
    for (size_t i = 0; i < expected.size(); ++i) {
      // librosa computes in float32.
      EXPECT_NEAR((*strength)[16 * i], expected[i].get<double>(), 1e-3) << "frame " << 16 * i;
    }
  }

  void ExpectOnsets(const PeakRule& rule, const nlohmann::json& expected) const {
    const auto onsets = DetectOnsets(samples_, rule);
    ASSERT_TRUE(onsets.ok()) << onsets.status();
    EXPECT_EQ(ToFrames(*onsets), expected.get<std::vector<int>>());
  }
};

TEST_P(TuneTest, OnsetStrength) {
  ExpectStrength(BandAverage::kMean, expected_["strength"]);
  ExpectStrength(BandAverage::kMedian, expected_["median_strength"]);
}

TEST_P(TuneTest, Onsets) {
  ExpectOnsets(kLibrosaPeaks, expected_["onsets"]);
  ExpectOnsets(kLorisPeaks, expected_["loris_onsets"]);
  ExpectOnsets(kD2mGanPeaks, expected_["d2m_gan_onsets"]);
}

TEST_P(TuneTest, BeatsAndTempo) {
  const auto beats = DetectBeats(samples_);
  ASSERT_TRUE(beats.ok()) << beats.status();
  EXPECT_NEAR(beats->tempo, expected_["tempo"].get<double>(), 1e-9);
  EXPECT_EQ(ToFrames(beats->times), expected_["beats"].get<std::vector<int>>());
}

TEST_P(TuneTest, Key) {
  const auto chroma = MeanChroma(samples_);
  ASSERT_TRUE(chroma.ok()) << chroma.status();
  for (size_t i = 0; i < chroma->size(); ++i) {
    EXPECT_NEAR((*chroma)[i], expected_["chroma"][i].get<double>(), 1e-4);
  }
  const MusicKey key = FindKey(*chroma);
  EXPECT_EQ(key.Name(), expected_["key"].get<std::string>());
  EXPECT_NEAR(key.correlation, expected_["key_correlation"].get<double>(), 1e-4);
  EXPECT_GT(key.margin, 0.01);
  EXPECT_LT(key.margin, 0.5);
  EXPECT_EQ(key.tonic, tune_.key);
  EXPECT_EQ(key.minor, tune_.minor);
}

INSTANTIATE_TEST_SUITE_P(Tunes, TuneTest, ::testing::Range<size_t>(0, 4));

TEST(RhythmTest, BeatScores) {
  for (const auto& [form, name, rule] :
       {std::tuple(BeatScoreForm::kLoris, "loris", kLorisPeaks),
        std::tuple(BeatScoreForm::kD2mGan, "d2m_gan", kD2mGanPeaks)}) {
    std::map<std::string, std::vector<bool>> marks;
    for (const Tune& tune : Tunes()) {
      marks[tune.name] = MarkSeconds(*DetectOnsets(MakeTune(tune), rule), tune.seconds);
    }
    for (const auto& [pair, expected] : Expected().at(name).items()) {
      const size_t slash = pair.find('/');
      const auto scores =
          MeasureBeatScores(marks[pair.substr(0, slash)], marks[pair.substr(slash + 1)], form);
      ASSERT_TRUE(scores.ok()) << scores.status();
      EXPECT_NEAR(scores->coverage, expected[0].get<double>(), 1e-12) << pair;
      EXPECT_NEAR(scores->hit, expected[1].get<double>(), 1e-12) << pair;
    }
  }
}

TEST(RhythmTest, Cuts) {
  const nlohmann::json& expected = Expected().at("cuts");
  CutDetector detector;
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(detector.Add(MakePicture(i)).ok());
  ASSERT_EQ(detector.scores().size(), expected["scores"].size());
  for (size_t i = 0; i < detector.scores().size(); ++i) {
    EXPECT_NEAR(detector.scores()[i], expected["scores"][i].get<double>(), 1e-9) << i;
  }
  EXPECT_EQ(detector.cuts(), expected["cuts"].get<std::vector<int64_t>>());
}

}  // namespace
}  // namespace vidmuse::evaluate
