#include "core/model/architecture/sampler.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "core/base/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using testing::ElementsAre;

SamplingOptions Plain() {
  SamplingOptions options;
  options.top_k = 0;
  return options;
}

// Logits whose softmax is `probabilities`.
std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// How often each token is drawn over an even grid of random numbers.
std::vector<double> Shares(const std::vector<float>& logits, const SamplingOptions& options) {
  Sampler sampler;
  std::vector<double> shares(logits.size());
  const int draws = 10000;
  for (int i = 0; i < draws; ++i) {
    const auto token = sampler.Draw(logits, options, (i + 0.5) / draws);
    EXPECT_TRUE(token.ok()) << token.status();
    shares[token.value()] += 1.0 / draws;
  }
  return shares;
}

std::vector<testing::Matcher<double>> Near(const std::vector<double>& expected) {
  std::vector<testing::Matcher<double>> matchers;
  for (const double value : expected) matchers.push_back(testing::DoubleNear(value, 2e-4));
  return matchers;
}

TEST(SamplerTest, GuidanceLeadsAwayFromTheNullCondition) {
  const std::vector<float> cond = {1, 2, 3}, null = {0, 2, 5};
  std::vector<float> out(3);
  GuideLogits(cond, null, 3.0f, out.data());
  EXPECT_THAT(out, ElementsAre(3, 2, -1));
  GuideLogits(cond, null, 1.0f, out.data());
  EXPECT_EQ(out, cond);
  GuideLogits(cond, null, 0.0f, out.data());
  EXPECT_EQ(out, null);
}

TEST(SamplerTest, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler;
  SamplingOptions options;
  options.greedy = true;
  EXPECT_EQ(*sampler.Draw({1.0f, 7.0f, 7.0f, 3.0f}, options, 0.99), 1);
  options.greedy = false;
  options.temperature = 0;
  EXPECT_EQ(*sampler.Draw({-5.0f, -7.0f, -5.0f}, options, 0.99), 0);
}

TEST(SamplerTest, DrawsInProportionToTheProbabilities) {
  const std::vector<double> p = {0.1, 0.4, 0.2, 0.3};
  EXPECT_THAT(Shares(LogitsOf(p), Plain()), testing::ElementsAreArray(Near(p)));
}

TEST(SamplerTest, InverseRunsInTokenOrder) {
  Sampler sampler;
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.3});
  EXPECT_EQ(*sampler.Draw(logits, Plain(), 0.0), 0);
  EXPECT_EQ(*sampler.Draw(logits, Plain(), 0.09), 0);
  EXPECT_EQ(*sampler.Draw(logits, Plain(), 0.11), 1);
  EXPECT_EQ(*sampler.Draw(logits, Plain(), 0.69), 2);
  EXPECT_EQ(*sampler.Draw(logits, Plain(), 0.71), 3);
  EXPECT_EQ(*sampler.Draw(logits, Plain(), std::nextafter(1.0, 0.0)), 3);
}

TEST(SamplerTest, TemperatureSharpensAndFlattens) {
  SamplingOptions options = Plain();
  options.temperature = 0.5f;  // squares the ratios
  EXPECT_THAT(Shares(LogitsOf({0.2, 0.8}), options),
              testing::ElementsAreArray(Near({1 / 17.0, 16 / 17.0})));
  options.temperature = 2.0f;
  EXPECT_THAT(Shares(LogitsOf({0.2, 0.8}), options),
              testing::ElementsAreArray(Near({1 / 3.0, 2 / 3.0})));
  options.temperature = 1e-30f;
  EXPECT_THAT(Shares(LogitsOf({0.2, 0.8}), options), ElementsAre(0, testing::DoubleNear(1, 1e-9)));
}

TEST(SamplerTest, TopKKeepsTiesWithTheKth) {
  SamplingOptions options;
  options.top_k = 2;
  const std::vector<float> logits = {2, 3, 1, 2, 2};
  const double e = std::exp(1.0), sum = e + 3;
  EXPECT_THAT(Shares(logits, options),
              testing::ElementsAreArray(Near({1 / sum, e / sum, 0, 1 / sum, 1 / sum})));
  options.top_k = 1;
  EXPECT_THAT(Shares(logits, options), testing::ElementsAreArray(Near({0, 1, 0, 0, 0})));
}

TEST(SamplerTest, TopKOfAllOrMoreCutsNothing) {
  const std::vector<double> p = {0.1, 0.4, 0.2, 0.3};
  SamplingOptions options;
  for (const int k : {0, 4, 5, 1 << 30}) {
    options.top_k = k;
    EXPECT_THAT(Shares(LogitsOf(p), options), testing::ElementsAreArray(Near(p)));
  }
}

TEST(SamplerTest, NucleusKeepsTokensWhosePredecessorsSumToAtMostP) {
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.3});  // sorted: 1, 3, 2, 0
  SamplingOptions options;
  options.top_k = 1;  // top_p goes first
  options.top_p = 0.3f;
  EXPECT_THAT(Shares(logits, options), testing::ElementsAreArray(Near({0, 1, 0, 0})));
  options.top_p = 0.5f;  // 0.4 before the second, 0.7 before the third
  EXPECT_THAT(Shares(logits, options), testing::ElementsAreArray(Near({0, 4 / 7.0, 0, 3 / 7.0})));
  options.top_p = 0.8f;
  EXPECT_THAT(Shares(logits, options),
              testing::ElementsAreArray(Near({0, 4 / 9.0, 2 / 9.0, 3 / 9.0})));
  options.top_p = 1.0f;
  EXPECT_THAT(Shares(logits, options), testing::ElementsAreArray(Near({0.1, 0.4, 0.2, 0.3})));
}

TEST(SamplerTest, NucleusKeepsATokenWhosePredecessorsSumToExactlyP) {
  SamplingOptions options;
  options.top_p = 0.5f;
  const double third = 1 / 3.0;
  EXPECT_THAT(Shares({0, 0, 0, 0}, options),
              testing::ElementsAreArray(Near({third, third, third, 0})));
}

TEST(SamplerTest, RefusesLogitsThatAreNotFinite) {
  Sampler sampler;
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const bool greedy : {true, false}) {
      SamplingOptions options;
      options.greedy = greedy;
      const auto token = sampler.Draw({1.0f, bad, 2.0f}, options, 0.5);
      EXPECT_EQ(token.status().code(), absl::StatusCode::kInternal);
      EXPECT_THAT(std::string(token.status().message()), testing::HasSubstr("token 1"));
    }
  }
}

TEST(SamplerTest, RefusesABadTemperature) {
  Sampler sampler;
  SamplingOptions options;
  for (const float temperature : {-1.0f, NAN}) {
    options.temperature = temperature;
    EXPECT_EQ(sampler.Draw({1.0f, 2.0f}, options, 0.5).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(SamplerTest, BearsTheWidestLogits) {
  Sampler sampler;
  const float max = std::numeric_limits<float>::max();
  for (const float top_p : {0.0f, 0.9f}) {
    SamplingOptions options;
    options.top_p = top_p;
    EXPECT_EQ(*sampler.Draw({-max, max, -max}, options, 0.5), 1);
  }
}

// A step's random numbers are keyed by frame and codebook, so a step drawn later, or in another
// window, draws the same.
TEST(SamplerTest, AStepDrawsByFrameAndCodebook) {
  const int codebooks = 4, card = 64;
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  std::vector<float> logits(codebooks * card);
  for (float& logit : logits) logit = normal(generator);
  SamplingOptions options;
  options.seed = 0x123456789abcdefull;
  Sampler sampler;
  std::set<std::vector<int32_t>> different;
  for (int64_t frame = 0; frame < 50; ++frame) {
    std::vector<int32_t> tokens(codebooks);
    ASSERT_TRUE(sampler.DrawStep(logits, codebooks, options, frame, tokens.data()).ok());
    for (int k = 0; k < codebooks; ++k) {
      const double uniform = TokenUniform(options.seed, frame - k, k);
      EXPECT_EQ(tokens[k], *Sampler().Draw(absl::MakeConstSpan(logits).subspan(k * card, card),
                                           options, uniform));
    }
    different.insert(tokens);
  }
  EXPECT_GT(different.size(), 45u);
}

}  // namespace
}  // namespace vidmuse
