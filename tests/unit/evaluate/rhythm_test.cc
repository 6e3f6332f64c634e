#include "core/evaluate/rhythm.h"

#include <limits>

#include "core/evaluate/beat_scores.h"
#include "core/evaluate/cut_alignment.h"
#include "core/evaluate/cuts.h"
#include "core/evaluate/music_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_music.h"

namespace vidmuse::evaluate {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <typename T>
void ExpectRefused(const absl::StatusOr<T>& result, const char* why) {
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
  EXPECT_THAT(result.status().message(), HasSubstr(why));
}

TEST(RhythmTest, SilenceHasNoRhythm) {
  const std::vector<float> silence(3 * kRhythmRate);
  EXPECT_THAT(*DetectOnsets(silence, kLibrosaPeaks), IsEmpty());
  const Beats beats = *DetectBeats(silence);
  EXPECT_EQ(beats.tempo, 0);
  EXPECT_THAT(beats.times, IsEmpty());
  EXPECT_EQ(FindKey(*MeanChroma(silence)).correlation, 0);
  EXPECT_THAT(PickOnsets({}, kLibrosaPeaks), IsEmpty());
  EXPECT_THAT(TrackBeats({})->times, IsEmpty());
}

TEST(RhythmTest, RefusesWhatIsTooShortOrNotFinite) {
  std::vector<float> samples(2047, 0.1f);
  ExpectRefused(DetectOnsets(samples, kLibrosaPeaks), "2047 samples are too few for onsets");
  ExpectRefused(DetectBeats(samples), "2047 samples");
  ExpectRefused(MeanChroma(samples), "2047 samples are too few for a key");
  samples.assign(kRhythmRate, 0.1f);
  samples[100] = std::numeric_limits<float>::infinity();
  ExpectRefused(DetectOnsets(samples, kLibrosaPeaks), "isn't finite");
  ExpectRefused(MeanChroma(samples), "isn't finite");
}

TEST(RhythmTest, TheShortestSoundsAreMeasured) {
  const std::vector<float> tune = MakeTune({.name = "short", .seconds = 1, .tempo = 240});
  for (const size_t samples : {2048, 2049, 2559, 2560, 4096, 9000}) {
    const absl::Span<const float> part(tune.data(), samples);
    EXPECT_THAT(*OnsetStrength(part, BandAverage::kMean), SizeIs(1 + samples / kRhythmHop));
    EXPECT_TRUE(DetectOnsets(part, kLorisPeaks).ok());
    EXPECT_TRUE(DetectBeats(part).ok());
  }
  for (const std::vector<double>& strength : {std::vector<double>{1}, {0, 1}, {1, 0, 1}}) {
    EXPECT_TRUE(TrackBeats(strength).ok());
  }
}

TEST(RhythmTest, FindsBeatsOnTheNotes) {
  const Beats beats = *DetectBeats(MakeTune({.name = "even", .seconds = 20, .tempo = 120}));
  EXPECT_EQ(CompareTempos(120, beats.tempo), TempoAgreement::kSame);
  for (size_t i = 1; i + 1 < beats.times.size(); ++i) {
    EXPECT_NEAR(beats.times[i] * 2, std::round(beats.times[i] * 2), 0.1) << beats.times[i];
  }
}

TEST(RhythmTest, MonoIsTheMeanOfTheChannels) {
  const Sound stereo{.sample_rate = kRhythmRate, .channels = {{1, 0, 0.5f}, {0, 0, 0.5f}}};
  EXPECT_THAT(*MonoForRhythm(stereo), ElementsAre(0.5f, 0, 0.5f));
  const Sound fast{.sample_rate = 2 * kRhythmRate, .channels = {std::vector<float>(1000)}};
  EXPECT_THAT(*MonoForRhythm(fast), SizeIs(500));
  ExpectRefused(MonoForRhythm({.sample_rate = 100, .channels = {{}}}), "no samples");
  ExpectRefused(MonoForRhythm({.sample_rate = 100, .channels = {{1}, {1, 2}}}), "differ in length");
}

TEST(RhythmTest, TemposAgreeUpToOctaves) {
  EXPECT_EQ(CompareTempos(100, 109), TempoAgreement::kSame);
  EXPECT_EQ(CompareTempos(100, 210), TempoAgreement::kOctave);
  EXPECT_EQ(CompareTempos(100, 46), TempoAgreement::kOctave);
  EXPECT_EQ(CompareTempos(100, 150), TempoAgreement::kNone);
  EXPECT_EQ(CompareTempos(0, 0), TempoAgreement::kNone);
}

TEST(PickOnsetsTest, WaitsAndComparesWithTheMean) {
  const std::vector<double> strength = {0, 0, 9, 0, 8, 0, 0, 1, 0, 0};
  const double hop = static_cast<double>(kRhythmHop) / kRhythmRate;
  PeakRule rule{.pre_max = 1, .post_max = 2, .pre_avg = 1, .post_avg = 2, .wait = 1, .delta = 0.2};
  EXPECT_THAT(PickOnsets(strength, rule), ElementsAre(2 * hop, 4 * hop));
  rule.wait = 2;
  EXPECT_THAT(PickOnsets(strength, rule), ElementsAre(2 * hop));
  rule.delta = 0.05;
  EXPECT_THAT(PickOnsets(strength, rule), ElementsAre(2 * hop, 7 * hop));
}

TEST(BeatScoresTest, BothForms) {
  const std::vector<bool> reference = MarkSeconds(std::vector<double>{0.2, 0.7, 2.5}, 3.2);
  EXPECT_THAT(reference, ElementsAre(true, false, true, false));
  const std::vector<bool> generated = MarkSeconds(std::vector<double>{0.1, 1.1, 3, 4.2}, 4.0);
  EXPECT_THAT(generated, ElementsAre(true, true, false, true));
  const BeatScores loris = *MeasureBeatScores(reference, generated, BeatScoreForm::kLoris);
  EXPECT_DOUBLE_EQ(loris.coverage, 1.0 / 3);
  EXPECT_DOUBLE_EQ(loris.hit, 0.5);
  const BeatScores ratio = *MeasureBeatScores(reference, generated, BeatScoreForm::kD2mGan);
  EXPECT_DOUBLE_EQ(ratio.coverage, 1.5);
  EXPECT_DOUBLE_EQ(ratio.hit, 0.5);
}

TEST(BeatScoresTest, WithoutMarks) {
  const std::vector<bool> none(3), all(3, true);
  const BeatScores loris = *MeasureBeatScores(none, none, BeatScoreForm::kLoris);
  EXPECT_EQ(loris.coverage, 0);
  EXPECT_EQ(loris.hit, 0);
  ExpectRefused(MeasureBeatScores(none, all, BeatScoreForm::kD2mGan), "no onsets");
  ExpectRefused(MeasureBeatScores({}, all, BeatScoreForm::kLoris), "0 s");
}

TEST(BeatScoresTest, Summary) {
  const std::vector<BeatScores> clips = {{.coverage = 1, .hit = 0.5},
                                         {.coverage = 0.5, .hit = 0.5}};
  const BeatScoreSummary summary = *SummariseBeatScores(clips);
  EXPECT_DOUBLE_EQ(summary.coverage, 0.75);
  EXPECT_DOUBLE_EQ(summary.hit, 0.5);
  EXPECT_DOUBLE_EQ(summary.f1, 0.6);
  EXPECT_DOUBLE_EQ(summary.coverage_deviation, std::sqrt(0.125));
  EXPECT_DOUBLE_EQ(summary.hit_deviation, 0);
  EXPECT_EQ(SummariseBeatScores(std::vector<BeatScores>(1))->f1, 0);
  ExpectRefused(SummariseBeatScores({}), "no clips");
}

TEST(CutDetectorTest, MergesNearCuts) {
  // Grey pictures of these values: a change of 3 * 27 scores 27.
  const auto cuts_of = [](const std::vector<int>& values, int64_t least_frames) {
    CutDetector detector({.least_frames = least_frames});
    for (const int value : values) {
      EXPECT_TRUE(detector.Add(std::vector<uint8_t>(12, static_cast<uint8_t>(value))).ok());
    }
    return detector.cuts();
  };
  EXPECT_THAT(cuts_of({0, 81, 81, 161}, 0), ElementsAre(1));
  EXPECT_THAT(cuts_of({0, 81, 0, 81}, 0), ElementsAre(1, 2, 3));
  // A flash of one picture is one cut where no scene has begun, and none before the first cut.
  EXPECT_THAT(cuts_of({0, 99, 0, 0, 0, 0, 0, 0}, 3), IsEmpty());
  EXPECT_THAT(cuts_of({0, 0, 0, 99, 99, 0, 99, 0, 0, 0, 0, 0}, 3), ElementsAre(3));
}

TEST(CutDetectorTest, RefusesOtherSizes) {
  CutDetector detector;
  EXPECT_FALSE(detector.Add({}).ok());
  EXPECT_FALSE(detector.Add(std::vector<uint8_t>(10)).ok());
  EXPECT_TRUE(detector.Add(std::vector<uint8_t>(12)).ok());
  EXPECT_THAT(std::string(detector.Add(std::vector<uint8_t>(9)).message()),
              HasSubstr("9 bytes follows one of 12"));
  EXPECT_THAT(detector.scores(), SizeIs(1));
}

TEST(CutAlignmentTest, Formula) {
  const std::vector<double> cuts = {1.0, 5.0}, beats = {4.95, 1.2, 8.0};
  const CutAlignment alignment = *MeasureCutAlignment(cuts, beats, 10);
  EXPECT_THAT(alignment.precision, DoubleNear((std::exp(-8.0) + std::exp(-0.5)) / 2, 1e-12));
  EXPECT_DOUBLE_EQ(alignment.coverage, 0.5);
  EXPECT_DOUBLE_EQ(alignment.beat_coverage, 1.0 / 3);
}

TEST(CutAlignmentTest, NullTellsDenseBeatsFromFittingOnes) {
  std::vector<double> cuts, fitting, dense;
  for (int i = 0; i < 10; ++i) cuts.push_back(2 * i + 0.3 + 0.1 * (i * i % 7));
  fitting = cuts;
  for (int i = 0; i < 400; ++i) dense.push_back(0.05 * i);
  const CutAlignment of_fitting = *MeasureCutAlignment(cuts, fitting, 20);
  EXPECT_EQ(of_fitting.precision, 1);
  EXPECT_GT(of_fitting.z_score.value(), 5);
  const CutAlignment of_dense = *MeasureCutAlignment(cuts, dense, 20);
  EXPECT_GT(of_dense.precision, 0.8);
  EXPECT_LT(std::abs(of_dense.z_score.value()), 3);
  EXPECT_EQ(of_fitting.null_precision, MeasureCutAlignment(cuts, fitting, 20)->null_precision);
}

TEST(CutAlignmentTest, MusicWithoutBeatsFitsNothing) {
  const CutAlignment alignment = *MeasureCutAlignment(std::vector<double>{1, 2}, {}, 3);
  EXPECT_EQ(alignment.precision, 0);
  EXPECT_EQ(alignment.coverage, 0);
  EXPECT_EQ(alignment.beat_coverage, 0);
  EXPECT_EQ(alignment.z_score, std::nullopt);
  ExpectRefused(MeasureCutAlignment({}, std::vector<double>{1}, 3), "no cuts");
  ExpectRefused(MeasureCutAlignment(std::vector<double>{4}, {}, 3), "4 s in a video of 3 s");
  ExpectRefused(MeasureCutAlignment(std::vector<double>{0}, {}, 0), "a video of 0 s");
}

TEST(MusicKeyTest, AgreementOfKeys) {
  const MusicKey c_major, a_minor{.tonic = 9, .minor = true}, c_minor{.minor = true};
  const MusicKey d_major{.tonic = 2};
  EXPECT_EQ(CompareKeys(c_major, c_major), KeyAgreement::kSame);
  EXPECT_EQ(CompareKeys(c_major, a_minor), KeyAgreement::kRelative);
  EXPECT_EQ(CompareKeys(a_minor, c_major), KeyAgreement::kRelative);
  EXPECT_EQ(CompareKeys(c_minor, c_major), KeyAgreement::kParallel);
  EXPECT_EQ(CompareKeys(d_major, c_major), KeyAgreement::kNone);
  EXPECT_EQ(CompareKeys(d_major, c_minor), KeyAgreement::kNone);
  EXPECT_EQ(a_minor.Name(), "A minor");
}

}  // namespace
}  // namespace vidmuse::evaluate
