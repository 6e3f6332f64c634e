#include "core/curate/reviews.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/curate/folder.h"

namespace vidmuse::curate {
namespace {

using ::testing::HasSubstr;

TEST(Reviews, MostReviewersDecideAndLaterLinesReplace) {
  const Folder folder;
  const std::string ada =
      folder.Write("ada.jsonl", R"({"id": "a", "reviewer": "Ada", "decision": "drop"}
{"id": "a", "reviewer": "Ada", "decision": "keep"}
{"id": "b", "reviewer": "Ada", "decision": "keep"}
)");
  const std::string bo =
      folder.Write("bo.jsonl", R"({"id": "b", "reviewer": "Bo", "decision": "drop"}
)");
  const auto reviews = ReadReviews({ada, bo});
  ASSERT_TRUE(reviews.ok()) << reviews.status();
  EXPECT_TRUE(IsKept(*reviews, "a"));
  EXPECT_FALSE(IsKept(*reviews, "b"));  // one of two isn't most
  EXPECT_FALSE(IsKept(*reviews, "c"));
}

TEST(Reviews, ErrorsNameTheLine) {
  const Folder folder;
  for (const char* line : {"{", "{}", R"({"id": "a", "reviewer": "Ada", "decision": "maybe"})",
                           R"({"id": "a", "reviewer": 1, "decision": "keep"})"}) {
    const auto reviews = ReadReviews({folder.Write("d.jsonl", line)});
    EXPECT_EQ(reviews.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(reviews.status().message(), HasSubstr("d.jsonl, line 1: "));
  }
  EXPECT_EQ(ReadReviews({folder / "none"}).status().code(), absl::StatusCode::kNotFound);
}

// Two people about ten clips, the example in Krippendorff's "Computing Krippendorff's
// Alpha-Reliability" (2011), section A: alpha is 0.095.
TEST(Reviews, AgreementIsKrippendorffsAlpha) {
  const bool ada[] = {false, true, false, false, false, false, false, false, true, false};
  const bool bo[] = {true, true, true, false, false, true, false, false, false, false};
  Reviews reviews;
  for (int i = 0; i < 10; ++i) reviews[std::to_string(i)] = {{"Ada", ada[i]}, {"Bo", bo[i]}};
  reviews["alone"] = {{"Cy", true}};
  const Agreement agreement = AgreementOf(reviews);
  EXPECT_EQ(agreement.clips, 10);
  EXPECT_EQ(agreement.reviewers, 3);
  EXPECT_NEAR(agreement.same, 0.6, 1e-12);
  ASSERT_TRUE(agreement.alpha.has_value());
  EXPECT_NEAR(*agreement.alpha, 0.095, 5e-4);
}

TEST(Reviews, FullAgreementIsOneAndOneViewTellsNothing) {
  EXPECT_EQ(
      AgreementOf({{"a", {{"Ada", true}, {"Bo", true}}}, {"b", {{"Ada", false}, {"Bo", false}}}})
          .alpha,
      1.0);
  EXPECT_FALSE(AgreementOf({{"a", {{"Ada", true}, {"Bo", true}}}}).alpha.has_value());
}

}  // namespace
}  // namespace vidmuse::curate
