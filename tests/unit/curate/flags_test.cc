#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/curate/curate_flags.h"

namespace vidmuse::curate {
namespace {

using ::testing::HasSubstr;

TEST(CurateFlags, SingleRulesChangeThePresetInWhateverOrder) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--out=o", "--preset=strict", "--least_music_share=0.6"},
        std::vector<std::string>{"--least_music_share=0.6", "--out=o", "--preset=strict"}}) {
    const auto flags = ParseCurateFlags(args);
    ASSERT_TRUE(flags.ok()) << flags.status();
    ASSERT_TRUE(flags->has_value());
    EXPECT_EQ((*flags)->rules.least_music_share, 0.6);
    EXPECT_EQ((*flags)->rules.most_silent_share, 0.4);
    EXPECT_TRUE((*flags)->rules.drop_duplicates);
  }
}

TEST(CurateFlags, SaysWhatIsWrong) {
  const auto error = [](const std::vector<std::string>& args) {
    const auto flags = ParseCurateFlags(args);
    EXPECT_EQ(flags.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(flags.status().message());
  };
  EXPECT_THAT(error({}), HasSubstr("--out"));
  EXPECT_THAT(error({"--out=o", "--stages=probe,stills"}), HasSubstr("no stage stills"));
  EXPECT_THAT(error({"--out=o", "--shard=3/3"}), HasSubstr("--shard: '3/3'"));
  EXPECT_THAT(error({"--out=o", "--preset=lax"}), HasSubstr("--preset"));
  EXPECT_THAT(error({"--out=o", "videos"}), HasSubstr("videos"));
  EXPECT_FALSE((*ParseCurateFlags({"--help"})).has_value());
}

}  // namespace
}  // namespace vidmuse::curate
