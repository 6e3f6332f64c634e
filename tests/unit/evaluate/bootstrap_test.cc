#include "core/evaluate/bootstrap.h"

#include <numeric>
#include <set>

#include "core/evaluate/feature_rows.h"
#include "core/evaluate/floors.h"
#include "core/evaluate/frechet.h"
#include "core/evaluate/kernel_distance.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_features.h"

namespace vidmuse::evaluate {
namespace {

using ::testing::HasSubstr;

// Clips of 1 to 3 rows.
std::vector<FeatureMatrix> Clips(const std::string& name, int clips, int64_t columns,
                                 int most_rows = 3, double shift = 0) {
  std::vector<FeatureMatrix> set;
  for (int i = 0; i < clips; ++i) {
    set.push_back(HashFeatures(absl::StrCat(name, ":", i), 1 + i % most_rows, columns, 1, shift));
  }
  return set;
}

// The set in which each clip stands as often as it counts.
FeatureMatrix Repeat(const std::vector<FeatureMatrix>& clips, const std::vector<int>& counts) {
  std::vector<FeatureMatrix> repeated;
  for (size_t i = 0; i < clips.size(); ++i) {
    repeated.insert(repeated.end(), static_cast<size_t>(counts[i]), clips[i]);
  }
  return *PoolRows(repeated);
}

TEST(ResampleCountsTest, AreAFunctionOfTheirArguments) {
  const std::vector<int> counts = ResampleCounts(3, 5, 100);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), 100);
  EXPECT_EQ(counts, ResampleCounts(3, 5, 100));
  EXPECT_NE(counts, ResampleCounts(3, 6, 100));
  EXPECT_NE(counts, ResampleCounts(4, 5, 100));
  // The share of clips that are drawn is near 1 - 1/e.
  double drawn = 0;
  for (int resample = 0; resample < 100; ++resample) {
    for (const int count : ResampleCounts(1, resample, 200)) drawn += count > 0;
  }
  EXPECT_NEAR(drawn / 20000, 0.632, 0.01);
}

TEST(BootstrapTest, IntervalOfAMean) {
  std::vector<double> values(400);
  for (size_t i = 0; i < values.size(); ++i) values[i] = HashUniform(Fnv1a64("values"), i);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 400;
  const Interval interval = *BootstrapMean(values, {.resamples = 4000});
  // The standard error is sqrt(1 / 12 / 400).
  EXPECT_NEAR(interval.low, mean - 1.96 * 0.0144, 0.003);
  EXPECT_NEAR(interval.high, mean + 1.96 * 0.0144, 0.003);
  EXPECT_NEAR(interval.mean, mean, 0.002);
  const Interval again = *BootstrapMean(values, {.resamples = 4000});
  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
  EXPECT_LT(BootstrapMean(values, {.resamples = 4000, .level = 0.5})->high, interval.high);
  EXPECT_NE(BootstrapMean(values, {.resamples = 4000, .seed = 1})->high, interval.high);
}

TEST(BootstrapTest, QuantilesAreNumpys) {
  // The resamples' values are 0 to 40: numpy.percentile(range(41), [2.5, 97.5]) is 1, 39.
  double next = 0;
  const Interval interval = *BootstrapStatistic(
      2, [&](absl::Span<const int>) { return absl::StatusOr<double>(next++); }, {.resamples = 41});
  EXPECT_DOUBLE_EQ(interval.low, 1);
  EXPECT_DOUBLE_EQ(interval.high, 39);
  EXPECT_DOUBLE_EQ(interval.mean, 20);
  EXPECT_DOUBLE_EQ(CentredOn(5, interval).low, -14);
  EXPECT_DOUBLE_EQ(CentredOn(5, interval).high, 24);
}

TEST(BootstrapTest, PairedDifferenceIsNarrowerThanItsParts) {
  std::vector<double> first(100), second(100);
  for (size_t i = 0; i < 100; ++i) {
    first[i] = HashUniform(Fnv1a64("first"), i);
    second[i] = first[i] + 0.1 + 0.01 * HashUniform(Fnv1a64("second"), i);
  }
  const Interval difference = *BootstrapMeanDifference(first, second, {});
  EXPECT_GT(difference.low, 0.1);
  EXPECT_LT(difference.high, 0.11);
  first.pop_back();
  EXPECT_FALSE(BootstrapMeanDifference(first, second, {}).ok());
}

TEST(BootstrapTest, Refuses) {
  const std::vector<double> one = {1}, two = {1, 2};
  const auto message = [](const absl::StatusOr<Interval>& interval) {
    EXPECT_EQ(interval.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(interval.status().message());
  };
  EXPECT_THAT(message(BootstrapMean(one, {})), HasSubstr("1 clips are too few"));
  EXPECT_THAT(message(BootstrapMean(two, {.resamples = 3})), HasSubstr("3 resamples"));
  EXPECT_THAT(message(BootstrapMean(two, {.level = 1})), HasSubstr("level 1"));
  const std::vector<double> broken = {1, std::nan("")};
  EXPECT_THAT(message(BootstrapMean(broken, {})), HasSubstr("isn't finite"));
}

TEST(BootstrapTest, AnErrorOfTheStatisticEndsIt) {
  int calls = 0;
  const auto interval = BootstrapStatistic(
      5,
      [&](absl::Span<const int>) -> absl::StatusOr<double> {
        return ++calls < 3 ? absl::StatusOr<double>(1) : absl::CancelledError("interrupted");
      },
      {});
  EXPECT_EQ(interval.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 3);
}

// Fewer rows than columns, more, and one set of each kind.
class ResampledTest : public ::testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  const int clips1_ = std::get<0>(GetParam()), clips2_ = std::get<1>(GetParam());
  const std::vector<FeatureMatrix> reference_ =
      Clips("resampled:reference", clips1_, std::get<2>(GetParam()));
  const std::vector<FeatureMatrix> generated_ =
      Clips("resampled:generated", clips2_, std::get<2>(GetParam()), 2, 0.5);
};

TEST_P(ResampledTest, FrechetIsThatOfTheResampledSets) {
  const auto resampled = ResampledFrechet::Create(reference_, generated_);
  ASSERT_TRUE(resampled.ok()) << resampled.status();
  for (int resample = 0; resample < 4; ++resample) {
    const std::vector<int> counts1 = ResampleCounts(1, resample, clips1_);
    const std::vector<int> counts2 = ResampleCounts(2, resample, clips2_);
    const auto distance = (*resampled)->Distance(counts1, counts2);
    ASSERT_TRUE(distance.ok()) << distance.status();
    const double expected =
        *FrechetDistance(Repeat(reference_, counts1), Repeat(generated_, counts2));
    EXPECT_NEAR(*distance, expected, 1e-6 * expected);
  }
}

TEST_P(ResampledTest, KernelDistanceOfAllClipsIsThatOfTheSets) {
  for (const Bandwidth bandwidth : {Bandwidth::kReference, Bandwidth::kGenerated}) {
    const auto resampled = ResampledKernelDistance::Create(reference_, generated_, bandwidth);
    ASSERT_TRUE(resampled.ok()) << resampled.status();
    const std::vector<int> once1(reference_.size(), 1), once2(generated_.size(), 1);
    const double expected =
        MeasureKernelDistance(*PoolRows(reference_), *PoolRows(generated_), bandwidth)->value;
    EXPECT_NEAR(*(*resampled)->Distance(once1, once2), expected, 1e-9);
    // Copies of a whole set tell nothing new.
    const std::vector<int> twice1(reference_.size(), 2);
    EXPECT_NEAR(*(*resampled)->Distance(twice1, once2), expected, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResampledTest,
                         ::testing::Values(std::tuple(10, 12, 60), std::tuple(60, 50, 5),
                                           std::tuple(90, 6, 20), std::tuple(6, 90, 20)));

TEST(ResampledDistancesTest, RefuseWhatIsNoResample) {
  const std::vector<FeatureMatrix> clips = Clips("refused", 4, 3, 1);
  const auto frechet = ResampledFrechet::Create(clips, clips);
  const auto kernel = ResampledKernelDistance::Create(clips, clips);
  ASSERT_TRUE(frechet.ok() && kernel.ok());
  const std::vector<int> all = {1, 1, 1, 1};
  for (const std::vector<int>& bad :
       {std::vector<int>{1, 1, 1}, {1, 1, 3, -1}, {0, 0, 0, 0}, {1, 0, 0, 0}}) {
    EXPECT_EQ((*frechet)->Distance(all, bad).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ((*kernel)->Distance(bad, all).status().code(), absl::StatusCode::kInvalidArgument);
  }
  // A row and its copy are no pair.
  EXPECT_FALSE((*kernel)->Distance({4, 0, 0, 0}, all).ok());
  std::vector<FeatureMatrix> with_empty = clips;
  with_empty[2] = FeatureMatrix{.rows = 0, .columns = 3, .values = {}};
  EXPECT_THAT(std::string(ResampledFrechet::Create(clips, with_empty).status().message()),
              HasSubstr("clip 2 has no features"));
}

TEST(SplitInHalvesTest, SharesAllClips) {
  const Halves halves = *SplitInHalves(11, 4);
  EXPECT_EQ(halves.first.size(), 6u);
  EXPECT_EQ(halves.second.size(), 5u);
  std::set<int64_t> all(halves.first.begin(), halves.first.end());
  all.insert(halves.second.begin(), halves.second.end());
  EXPECT_EQ(all.size(), 11u);
  EXPECT_EQ(*all.rbegin(), 10);
  EXPECT_EQ(SplitInHalves(11, 4)->first, halves.first);
  EXPECT_NE(SplitInHalves(11, 5)->first, halves.first);
  EXPECT_FALSE(SplitInHalves(3, 0).ok());
}

TEST(SplitInHalvesTest, EachClipIsInEitherHalfAsOften) {
  std::vector<int> in_first(4);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const Halves halves = *SplitInHalves(4, seed);
    for (const int64_t clip : halves.first) ++in_first[static_cast<size_t>(clip)];
  }
  EXPECT_THAT(in_first, ::testing::Each(::testing::AllOf(::testing::Gt(900), ::testing::Lt(1100))));
}

}  // namespace
}  // namespace vidmuse::evaluate
