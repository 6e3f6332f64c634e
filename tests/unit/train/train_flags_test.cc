#include "core/train/train_flags.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/flag_walk.h"

namespace vidmuse::train {
namespace {

TEST(TrainFlagsTest, EachFlagSetsOneFieldAndIsInTheHelp) {
  CheckEachFlag(TrainFlagTable(), absl::StrCat("\n", TrainFlagTable().Help()));
}

TEST(TrainFlagsTest, ValuesJustOutOfRangeAreRefused) {
  EXPECT_GE(CheckEachRange(TrainFlagTable()), 15);
}

TEST(TrainFlagsTest, CardIsOfBothModels) {
  TrainFlags flags;
  ASSERT_TRUE(TrainFlagTable().Parse({"--card=32"}, &flags).ok());
  EXPECT_EQ(flags.sizes.card, 32);
  EXPECT_EQ(flags.sizes.codec_bins, 32);
}

}  // namespace
}  // namespace vidmuse::train
