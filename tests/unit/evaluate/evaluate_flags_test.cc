#include "core/evaluate/evaluate_flags.h"

#include <gtest/gtest.h>

#include "core/evaluate/metric.h"
#include "tests/support/flag_walk.h"

namespace vidmuse::evaluate {
namespace {

TEST(EvaluateFlagsTest, EachFlagSetsOneFieldAndIsInTheHelp) {
  CheckEachFlag(EvaluateFlagTable(), EvaluateHelp());
}

TEST(EvaluateFlagsTest, ValuesJustOutOfRangeAreRefused) {
  EXPECT_GE(CheckEachRange(EvaluateFlagTable()), 4);
}

TEST(EvaluateFlagsTest, TheHelpHasEachMetric) {
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_THAT(EvaluateHelp(), testing::HasSubstr(absl::StrCat("\n  ", info.name, " ")));
  }
}

}  // namespace
}  // namespace vidmuse::evaluate
