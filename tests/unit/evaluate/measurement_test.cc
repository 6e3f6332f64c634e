#include "core/evaluate/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/evaluate/rhythm_measures.h"

namespace vidmuse::evaluate {
namespace {

Evidence Clips(size_t generated, size_t reference, bool paired) {
  Evidence evidence;
  evidence.generated.resize(generated);
  evidence.reference.resize(reference);
  evidence.paired = paired;
  for (std::vector<SoundFeatures>* set : {&evidence.generated, &evidence.reference}) {
    for (SoundFeatures& clip : *set) clip.facts.seconds = 4;
  }
  return evidence;
}

TEST(MeasurementTest, MeansLeaveOutClipsWithoutAValue) {
  EXPECT_EQ(Mean({1, NAN, 3}), 2);
  EXPECT_TRUE(std::isnan(Mean({NAN})));
  const std::vector<int> counts = {3, 5, 1};
  EXPECT_EQ(*MeanOf({1, NAN, 3})({counts, counts}), 1.5);
  const std::vector<int> only_missing = {0, 3, 0};
  EXPECT_EQ(*MeanOf({1, NAN, 3})({only_missing, only_missing}), 2);
}

TEST(MeasurementTest, ShuffledPairsAreAllMismatched) {
  const auto differs = [](size_t i, size_t j) { return i == j ? 0.0 : 1.0; };
  EXPECT_EQ(ShuffledMean(2, differs), 1);
  EXPECT_EQ(ShuffledMean(30, differs), 1);
  EXPECT_EQ(ShuffledMean(1, differs), std::nullopt);
}

TEST(MeasurementTest, IntervalsDrawPairsTogetherAndCollectionsApart) {
  const BootstrapOptions options{.resamples = 100};
  int same = 0;
  const Statistic statistic = [&same](const Resample& resample) -> absl::StatusOr<double> {
    EXPECT_EQ(std::accumulate(resample.generated.begin(), resample.generated.end(), 0), 10);
    if (resample.generated == resample.reference) ++same;
    return static_cast<double>(resample.generated[0]);
  };
  const auto paired = IntervalOf(statistic, 1, false, Clips(10, 10, true), options);
  ASSERT_TRUE(paired.ok()) << paired.status();
  EXPECT_EQ(same, 100);
  EXPECT_LE((*paired)->low, 1);
  EXPECT_GE((*paired)->high, 1);
  same = 0;
  ASSERT_TRUE(IntervalOf(statistic, 1, false, Clips(10, 10, false), options).ok());
  EXPECT_EQ(same, 0);
}

TEST(MeasurementTest, BiasedIntervalsAreMovedToTheValueAndFewClipsHaveNone) {
  const BootstrapOptions options{.resamples = 100};
  const Statistic statistic = [](const Resample& resample) -> absl::StatusOr<double> {
    EXPECT_GE(std::count_if(resample.generated.begin(), resample.generated.end(),
                            [](int count) { return count > 0; }),
              2);
    return 100 + static_cast<double>(resample.generated[0]);
  };
  const auto interval = IntervalOf(statistic, 7, true, Clips(3, 3, true), options);
  ASSERT_TRUE(interval.ok() && interval->has_value());
  EXPECT_LT((*interval)->low, 7);
  EXPECT_GT((*interval)->high, 7);
  EXPECT_EQ(*IntervalOf(statistic, 7, true, Clips(2, 2, true), options), std::nullopt);
}

TEST(RhythmMeasuresTest, BeatScoresAreOfTheMeans) {
  Evidence evidence = Clips(2, 2, true);
  evidence.reference[0].rhythm.onsets = {0.5, 1.5};
  evidence.generated[0].rhythm.onsets = {0.7, 1.2, 2.5, 3.5};  // coverage 0.5, hit 1
  evidence.reference[1].rhythm.onsets = {0.5, 1.5, 2.5, 3.5};
  evidence.generated[1].rhythm.onsets = {0.1};  // coverage 1, hit 0.25
  const absl::StatusOr<Measurement> beats = MeasureBeats(evidence);
  ASSERT_TRUE(beats.ok()) << beats.status();
  EXPECT_DOUBLE_EQ(beats->parts["coverage"], 0.75);
  EXPECT_DOUBLE_EQ(beats->parts["hit"], 0.625);
  EXPECT_DOUBLE_EQ(beats->value, 2 * 0.75 * 0.625 / (0.75 + 0.625));
  EXPECT_DOUBLE_EQ(beats->clip_values[1], 0.4);
  EXPECT_FALSE(beats->parts.contains("d2m_gan_coverage"));  // there are no such onsets
  const std::vector<int> first_only = {2, 0};
  EXPECT_DOUBLE_EQ(*beats->statistic({first_only, first_only}), 2 * 0.5 / 1.5);
}

TEST(RhythmMeasuresTest, TempoAndKeyCountAgreementsAndLooserOnes) {
  Evidence evidence = Clips(3, 3, true);
  for (SoundFeatures& clip : evidence.reference) {
    clip.rhythm.tempo = 100;
    clip.rhythm.key = {.tonic = 0, .minor = false, .correlation = 0.5};
  }
  evidence.generated[0].rhythm.tempo = 105;
  evidence.generated[0].rhythm.key = {.tonic = 0, .minor = false, .correlation = 0.5};
  evidence.generated[1].rhythm.tempo = 201;
  evidence.generated[1].rhythm.key = {.tonic = 9, .minor = true, .correlation = 0.5};
  const absl::StatusOr<Measurement> tempo = MeasureTempo(evidence);
  ASSERT_TRUE(tempo.ok()) << tempo.status();
  EXPECT_EQ(tempo->value, 0.5);  // the third clip has no tempo
  EXPECT_EQ(tempo->parts["same_half_or_double"], 1);
  const absl::StatusOr<Measurement> key = MeasureKey(evidence);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->value, 0.5);
  EXPECT_EQ(key->parts["same_relative_or_parallel"], 1);
}

TEST(RhythmMeasuresTest, CutsCountWhereThereAreSome) {
  Evidence evidence = Clips(3, 0, false);
  evidence.videos.resize(3);
  evidence.generated[0].rhythm.beats = {1, 2, 3};
  evidence.videos[0].cuts = {2, 9};  // the second is after the music's end
  evidence.generated[1].rhythm.beats = {1};
  evidence.videos[1].cuts = {3};
  const absl::StatusOr<Measurement> cuts = MeasureCuts(evidence);
  ASSERT_TRUE(cuts.ok()) << cuts.status();
  EXPECT_DOUBLE_EQ(cuts->clip_values[0], 1);
  EXPECT_NEAR(cuts->clip_values[1], 0, 1e-9);
  EXPECT_TRUE(std::isnan(cuts->clip_values[2]));
  EXPECT_NEAR(cuts->value, 0.5, 1e-9);
  EXPECT_EQ(cuts->parts["clips_with_cuts"], 2);
  evidence.videos = std::vector<VideoFeatures>(3);
  EXPECT_EQ(MeasureCuts(evidence).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vidmuse::evaluate
