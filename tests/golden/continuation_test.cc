// Songs that begin with a tune, against what the published code made of the same tune and video.
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_song.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/golden_tune.h"

namespace vidmuse {
namespace {

struct Song {
  const char* video;
  bool device_code;
};

class GoldenContinuationTest : public testing::TestWithParam<Song> {};

TEST_P(GoldenContinuationTest, GoesOnAsPublished) {
  GoldenGenerator generator(GetParam().device_code);
  GenerationRequest request = GoldenGenerator::Greedy();
  request.prompt_audio = GoldenTune();
  const auto expected = OpenGolden("prompt/expected.pt");
  EXPECT_EQ(generator.Tokens(request, GoldenVideoFile(GetParam().video)),
            GoldenTokens<int16_t>(
                expected->tensors().at(absl::StrCat(GetParam().video, "/greedy_tokens"))));
}

INSTANTIATE_TEST_SUITE_P(Songs, GoldenContinuationTest,
                         testing::Values(Song{"pattern_4s", false}, Song{"pattern_4s", true},
                                         Song{"zoom_63s", false}),
                         [](const auto& info) {
                           return absl::StrCat(info.param.video,
                                               info.param.device_code ? "_device" : "");
                         });

}  // namespace
}  // namespace vidmuse
