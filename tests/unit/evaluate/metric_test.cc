#include "core/evaluate/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"

namespace vidmuse::evaluate {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Inputs All(const std::string& extractors) {
  return {.reference = true,
          .reference_is_paired = true,
          .videos = true,
          .extractors = extractors,
          .embedding = "auto"};
}

TEST(MetricTest, TheTableIsInTheOrderOfTheNames) {
  for (size_t i = 0; i < AllMetrics().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(AllMetrics()[i].metric), i);
  }
}

TEST(MetricTest, DefaultsAreWhatIsThere) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/" + PublishedFile(SoundNetwork::kVggish), "");
  const absl::StatusOr<Plan> plan = MakePlan({}, All(folder));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->metrics, ElementsAre(Metric::kFad, Metric::kFadInf, Metric::kBeats,
                                         Metric::kTempo, Metric::kKey, Metric::kCuts));
  EXPECT_THAT(plan->sounds, ElementsAre(SoundNetwork::kVggish));
  EXPECT_TRUE(plan->rhythm);
  EXPECT_TRUE(plan->cuts);
  const auto fd = std::find_if(plan->left_out.begin(), plan->left_out.end(),
                               [](const LeftOut& left) { return left.name == "fd"; });
  ASSERT_NE(fd, plan->left_out.end());
  EXPECT_THAT(fd->reason, HasSubstr(PublishedFile(SoundNetwork::kCnn14At16kHz)));
}

TEST(MetricTest, NoReferenceAndNoVideosLeaveNothing) {
  const absl::Status status = MakePlan({}, {.embedding = "auto"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fad needs --reference"));
}

TEST(MetricTest, WhatIsAskedForAndCannotBeMeasuredIsAnError) {
  const std::string folder = FreshFolder();
  Inputs inputs = All(folder);
  EXPECT_EQ(MakePlan({"fad"}, inputs).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(MakePlan({"fad"}, inputs).status().message()),
              HasSubstr(folder + "/" + PublishedFile(SoundNetwork::kVggish)));
  inputs.reference = inputs.reference_is_paired = false;
  EXPECT_EQ(MakePlan({"fad"}, inputs).status().code(), absl::StatusCode::kInvalidArgument);
  inputs.videos = false;
  EXPECT_THAT(std::string(MakePlan({"imagebind"}, inputs).status().message()),
              HasSubstr("imagebind needs --videos"));
  EXPECT_THAT(std::string(MakePlan({"fade"}, inputs).status().message()),
              HasSubstr("no metric 'fade'"));
}

TEST(MetricTest, AReferenceWithoutPairsHasNoPairedMeasures) {
  Inputs inputs = All("");
  inputs.reference_is_paired = false;
  EXPECT_FALSE(MakePlan({"beats"}, inputs).ok());
  const absl::StatusOr<Plan> plan = MakePlan({}, inputs);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->metrics, ElementsAre(Metric::kCuts));
}

TEST(MetricTest, TakesCnn14AndTheEmbeddingThatAreThere) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/" + PublishedFile(SoundNetwork::kCnn14At32kHz), "");
  absl::StatusOr<Plan> plan = MakePlan({"fd", "kad"}, All(folder));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->sounds, ElementsAre(SoundNetwork::kCnn14At32kHz));
  WriteFile(folder + "/" + PublishedFile(SoundNetwork::kCnn14At16kHz), "");
  WriteFile(folder + "/" + PublishedFile(SoundNetwork::kClapMusic), "");
  plan = MakePlan({"fd", "kad"}, All(folder));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->sounds, ElementsAre(SoundNetwork::kCnn14At16kHz, SoundNetwork::kClapMusic));
  EXPECT_THAT(plan->left_out, IsEmpty());
  Inputs inputs = All(folder);
  inputs.embedding = "cnn14_32k";
  plan = MakePlan({"fd", "kad"}, inputs);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->sounds, Contains(SoundNetwork::kCnn14At32kHz));
  EXPECT_THAT(plan->sounds, Not(Contains(SoundNetwork::kClapMusic)));
}

}  // namespace
}  // namespace vidmuse::evaluate
