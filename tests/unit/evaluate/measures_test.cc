#include <limits>

#include "core/evaluate/class_divergence.h"
#include "core/evaluate/cosine.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/frechet.h"
#include "core/evaluate/kernel_distance.h"
#include "core/evaluate/manifold.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_features.h"

namespace vidmuse::evaluate {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

FeatureMatrix Rows(int64_t columns, std::vector<float> values) {
  const auto rows = static_cast<int64_t>(values.size()) / columns;
  return {.rows = rows, .columns = columns, .values = std::move(values)};
}

// A refusal says why.
template <typename T>
void ExpectRefused(const absl::StatusOr<T>& result, const char* why) {
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
  EXPECT_THAT(result.status().message(), HasSubstr(why));
}

TEST(SetMeasuresTest, RefuseWhatIsNoSet) {
  const FeatureMatrix set = HashFeatures("set", 8, 4);
  const FeatureMatrix one = HashFeatures("one", 1, 4);
  const FeatureMatrix narrow = HashFeatures("narrow", 8, 3);
  FeatureMatrix broken = set;
  broken.values[5] = std::numeric_limits<float>::quiet_NaN();
  FeatureMatrix torn = set;
  torn.values.pop_back();
  const auto refuse = [&](auto measure) {
    ExpectRefused(measure(set, one), "generated features: 1 rows");
    ExpectRefused(measure(one, set), "reference features: 1 rows");
    ExpectRefused(measure(set, narrow), "reference features have 4 columns, generated ones 3");
    ExpectRefused(measure(set, broken), "generated features: row 1 has a value that isn't finite");
    ExpectRefused(measure(torn, set), "31 values for 8 rows of 4");
    ExpectRefused(measure(FeatureMatrix(), set), "0 rows");
  };
  refuse([](const auto& a, const auto& b) { return FrechetDistance(a, b); });
  refuse([](const auto& a, const auto& b) { return MeasureKernelDistance(a, b); });
  refuse([](const auto& a, const auto& b) { return MeasureManifolds(a, b, 2); });
  refuse([](const auto& a, const auto& b) { return ExtrapolateFrechetDistance(a, b, {}); });
}

TEST(SetMeasuresTest, AreThoseOfEqualSets) {
  for (const int64_t columns : {3, 40}) {
    const FeatureMatrix set = HashFeatures("same", 20, columns);
    EXPECT_NEAR(*FrechetDistance(set, set), 0, 1e-9);
    const ManifoldMeasures manifolds = *MeasureManifolds(set, set);
    EXPECT_EQ(manifolds.precision, 1);
    EXPECT_EQ(manifolds.recall, 1);
    EXPECT_EQ(manifolds.coverage, 1);
    EXPECT_LT(MeasureKernelDistance(set, set)->value, 0);  // as unbiased estimates can be
  }
}

TEST(FrechetTest, IsTheDistanceOfTwoLines) {
  // Means 1 and 4, variances 2 and 8: (4 - 1)^2 + (sqrt(8) - sqrt(2))^2.
  EXPECT_NEAR(*FrechetDistance(Rows(1, {0, 2}), Rows(1, {2, 6})), 11, 1e-12);
}

TEST(FrechetTest, ExtrapolationSaysWhatItNeeds) {
  const FeatureMatrix set = HashFeatures("set", 60, 4);
  ExpectRefused(ExtrapolateFrechetDistance(set, set, {.least_rows = 60}),
                "60 generated rows are too few to extrapolate; more than 60 are needed");
  ExpectRefused(ExtrapolateFrechetDistance(set, set, {.least_rows = 1}), "must be at least 2");
  ExpectRefused(ExtrapolateFrechetDistance(set, set, {.sizes = 2, .least_rows = 9}), "2 sizes");
}

TEST(ManifoldTest, ComparesStrictly) {
  // With k = 1 every radius is 1, and each generated row is exactly 1 from a reference row.
  const FeatureMatrix reference = Rows(1, {0, 1, 2, 3});
  const ManifoldMeasures edge = *MeasureManifolds(reference, Rows(1, {4, 5}), 1);
  EXPECT_EQ(edge.precision, 0);
  EXPECT_EQ(edge.coverage, 0);
  EXPECT_EQ(edge.density, 0);
  const ManifoldMeasures inside = *MeasureManifolds(reference, Rows(1, {3.5, 9}), 1);
  EXPECT_EQ(inside.precision, 0.5);
  EXPECT_EQ(inside.coverage, 0.25);
  EXPECT_EQ(inside.density, 0.5);
  EXPECT_THAT(inside.coverage_parts, ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(inside.density_parts, ElementsAre(1, 0));
  // The generated rows' radii are 5.5, so 3.5 holds all reference rows.
  EXPECT_THAT(inside.recall_parts, Each(1));
}

TEST(ManifoldTest, MoreRowsThanABlock) {
  const FeatureMatrix reference = HashFeatures("blocks:reference", 600, 3);
  const FeatureMatrix generated = HashFeatures("blocks:generated", 300, 3);
  const ManifoldMeasures one_way = *MeasureManifolds(reference, generated);
  const ManifoldMeasures other_way = *MeasureManifolds(generated, reference);
  EXPECT_EQ(one_way.precision_parts, other_way.recall_parts);
  EXPECT_EQ(one_way.recall_parts, other_way.precision_parts);
}

TEST(KernelDistanceTest, MedianOfFewDistances) {
  EXPECT_EQ(*MedianDistance(Rows(1, {0, 3})), 3);
  EXPECT_DOUBLE_EQ(*MedianDistance(Rows(1, {0, 1, 5})), 4);      // of 1, 4, 5
  EXPECT_DOUBLE_EQ(*MedianDistance(Rows(1, {0, 1, 5, 12})), 5);  // the lower of 5 and 7
  ExpectRefused(MeasureKernelDistance(Rows(1, {2, 2, 2, 7}), Rows(1, {1, 2})),
                "most rows are equal");
}

TEST(ClassDivergenceTest, OfOneClip) {
  // p = (1/2, 1/2), q = (1/4, 3/4)
  const FeatureMatrix reference = Rows(2, {0, 0});
  const FeatureMatrix generated = Rows(2, {0, static_cast<float>(std::log(3.0))});
  const auto forward = *MeasureClassDivergence(reference, generated, ClassProbabilities::kSoftmax);
  EXPECT_NEAR(forward.mean, 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3), 1e-5);
  EXPECT_THAT(forward.clips, ElementsAre(forward.mean));
  const auto backward = *MeasureClassDivergence(generated, reference, ClassProbabilities::kSoftmax);
  EXPECT_NEAR(backward.mean, 0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-5);
}

TEST(ClassDivergenceTest, IsFiniteForWhatIsCertain) {
  const auto divergence = *MeasureClassDivergence(Rows(2, {2000, -2000}), Rows(2, {-2000, 2000}),
                                                  ClassProbabilities::kSoftmax);
  EXPECT_NEAR(divergence.mean, -std::log(1e-6), 1e-9);
  ExpectRefused(
      MeasureClassDivergence(Rows(2, {1, 2}), Rows(2, {1, 2, 3, 4}), ClassProbabilities::kSoftmax),
      "1 rows of 2 and 2 rows of 2");
}

TEST(CosineTest, CurveEndsWithTheShorter) {
  const FeatureMatrix sounds = Rows(2, {1, 0, 0, 1, 1, 1});
  const FeatureMatrix pictures = Rows(2, {2, 0, 3, 0});
  EXPECT_THAT(MeasureCosineCurve(sounds, pictures)->pairs, ElementsAre(1, 0));
  EXPECT_EQ(MeasureCosineCurve(sounds, pictures)->mean, 0.5);
  ExpectRefused(MeasureCosines(sounds, pictures), "differ in shape");
  ExpectRefused(MeasureMismatchedCosines(Rows(2, {1, 0}), Rows(2, {1, 0})), "can't be mismatched");
}

TEST(FeatureRowsTest, PoolAndSelect) {
  const FeatureMatrix first = Rows(2, {1, 2}), second = Rows(2, {3, 4, 5, 6});
  const FeatureMatrix pooled = *PoolRows({first, second});
  EXPECT_EQ(pooled.rows, 3);
  EXPECT_THAT(SelectRows(pooled, {2, 0}).values, ElementsAre(5, 6, 1, 2));
  ExpectRefused(PoolRows({first, Rows(1, {1})}), "1 columns");
  ExpectRefused(PoolRows({}), "no clips");
}

}  // namespace
}  // namespace vidmuse::evaluate
