// Measures of sets of features equal what published programs compute of the same features.
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/evaluate/class_divergence.h"
#include "core/evaluate/cosine.h"
#include "core/evaluate/frechet.h"
#include "core/evaluate/kernel_distance.h"
#include "core/evaluate/manifold.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_features.h"
#include "tests/support/test_data.h"

namespace vidmuse::evaluate {
namespace {

const nlohmann::json& Expected() {
  static const auto* const expected = new nlohmann::json(
      nlohmann::json::parse(std::ifstream(TestData("golden/measures/expected.json"))));
  return *expected;
}

// Formulas are computed in float64 on both sides.
constexpr double kTolerance = 1e-6;

void ExpectNear(double value, const nlohmann::json& expected, double tolerance = kTolerance) {
  EXPECT_NEAR(value, expected.get<double>(), tolerance * std::abs(expected.get<double>()));
}

struct SetCase {
  const char* name;
  int64_t reference_rows, generated_rows, columns;
};

void PrintTo(const SetCase& set, std::ostream* out) { *out << set.name; }

class SetTest : public ::testing::TestWithParam<SetCase> {
 protected:
  const std::string name_ = GetParam().name;
  const FeatureMatrix reference_ =
      HashFeatures(name_ + ":reference", GetParam().reference_rows, GetParam().columns);
  const FeatureMatrix generated_ =
      HashFeatures(name_ + ":generated", GetParam().generated_rows, GetParam().columns, 1.1, 0.2);
  const nlohmann::json& expected_ = Expected().at(name_);
};

TEST_P(SetTest, FrechetDistance) {
  const auto distance = FrechetDistance(reference_, generated_);
  ASSERT_TRUE(distance.ok()) << distance.status();
  ExpectNear(*distance, expected_["frechet"]);
  // scipy.linalg.sqrtm isn't exact where the covariances are singular.
  ExpectNear(*distance, expected_["frechet_published"], 1e-3);
}

TEST_P(SetTest, KernelDistance) {
  const auto distance = MeasureKernelDistance(reference_, generated_);
  ASSERT_TRUE(distance.ok()) << distance.status();
  ExpectNear(distance->bandwidth, expected_["bandwidth"]);  // found in float32 by kadtk
  ExpectNear(distance->value, expected_["kernel_distance"], 1e-5);
  EXPECT_EQ(*MedianDistance(reference_), distance->bandwidth);

  const auto by_generated = MeasureKernelDistance(reference_, generated_, Bandwidth::kGenerated);
  ASSERT_TRUE(by_generated.ok()) << by_generated.status();
  ExpectNear(by_generated->bandwidth, expected_["bandwidth_generated"]);
  ExpectNear(by_generated->value, expected_["kernel_distance_generated"], 1e-5);
}

TEST_P(SetTest, Manifolds) {
  const auto measures = MeasureManifolds(reference_, generated_);
  ASSERT_TRUE(measures.ok()) << measures.status();
  ExpectNear(measures->precision, expected_["precision"]);
  ExpectNear(measures->recall, expected_["recall"]);
  ExpectNear(measures->density, expected_["density"]);
  ExpectNear(measures->coverage, expected_["coverage"]);
}

INSTANTIATE_TEST_SUITE_P(Sets, SetTest,
                         ::testing::Values(SetCase{"few", 24, 20, 40},
                                           SetCase{"many", 300, 260, 16},
                                           SetCase{"mixed", 12, 90, 30}));

TEST(MeasuresTest, ExtrapolatedFrechetDistance) {
  const nlohmann::json& expected = Expected().at("extrapolated");
  const auto result = ExtrapolateFrechetDistance(HashFeatures("many:reference", 300, 16),
                                                 HashFeatures("many:generated", 260, 16, 1.1, 0.2),
                                                 {.sizes = 25, .least_rows = 40, .seed = 7});
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectNear(result->value, expected["value"]);
  ExpectNear(result->slope, expected["slope"]);
  ExpectNear(result->r_squared, expected["r_squared"]);
  ASSERT_EQ(result->points.size(), expected["points"].size());
  for (size_t i = 0; i < result->points.size(); ++i) {
    EXPECT_EQ(result->points[i].rows, expected["points"][i][0].get<int64_t>());
    ExpectNear(result->points[i].distance, expected["points"][i][1]);
  }
}

TEST(MeasuresTest, ClassDivergence) {
  const FeatureMatrix reference = HashFeatures("kl:reference", 9, 527, 2);
  const FeatureMatrix generated = HashFeatures("kl:generated", 9, 527, 1.5, 0.5);
  const auto softmax = MeasureClassDivergence(reference, generated, ClassProbabilities::kSoftmax);
  ASSERT_TRUE(softmax.ok()) << softmax.status();
  ExpectNear(softmax->mean, Expected()["kl"]["softmax"]);
  const auto sigmoid = MeasureClassDivergence(reference, generated, ClassProbabilities::kSigmoid);
  ASSERT_TRUE(sigmoid.ok()) << sigmoid.status();
  ExpectNear(sigmoid->mean, Expected()["kl"]["sigmoid"]);
}

TEST(MeasuresTest, Cosines) {
  FeatureMatrix sounds = HashFeatures("cosine:sounds", 6, 32);
  std::fill(sounds.values.end() - 32, sounds.values.end(), 0.0f);
  const FeatureMatrix pictures = HashFeatures("cosine:pictures", 6, 32, 1, 0.4);
  const nlohmann::json& expected = Expected().at("cosine");
  const auto cosines = MeasureCosines(sounds, pictures);
  ASSERT_TRUE(cosines.ok()) << cosines.status();
  ExpectNear(cosines->mean, expected["mean"]);
  ASSERT_EQ(cosines->pairs.size(), 6u);
  for (size_t i = 0; i < 6; ++i) ExpectNear(cosines->pairs[i], expected["pairs"][i]);
  const auto mismatched = MeasureMismatchedCosines(sounds, pictures);
  ASSERT_TRUE(mismatched.ok()) << mismatched.status();
  ExpectNear(mismatched->mean, expected["mismatched"]);
}

}  // namespace
}  // namespace vidmuse::evaluate
