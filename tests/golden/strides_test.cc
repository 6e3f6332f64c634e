// Songs whose windows overlap by more than the default, against what the published code made with
// the stride of each.
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_song.h"
#include "tests/golden/golden_tokens.h"

namespace vidmuse {
namespace {

class GoldenStridesTest : public testing::TestWithParam<int> {};

TEST_P(GoldenStridesTest, TokensAsPublished) {
  GoldenGenerator generator;
  GenerationRequest request = GoldenGenerator::Greedy();
  request.window_overlap_seconds = GetParam();
  const auto expected = OpenGolden("strides/expected.pt");
  const TensorView& tokens = expected->tensors().at(absl::StrCat("zoom_63s/overlap_", GetParam()));
  EXPECT_EQ(generator.Tokens(request, GoldenVideoFile("zoom_63s")), GoldenTokens<int16_t>(tokens));
}

INSTANTIATE_TEST_SUITE_P(OverlapSeconds, GoldenStridesTest, testing::Values(5, 12));

}  // namespace
}  // namespace vidmuse
