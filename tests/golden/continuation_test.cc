// Songs that begin with a tune, against what the published code made of the same tune and video.
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/video/frame_sampler.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/golden_tune.h"
#include "tests/support/sanitized.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Song {
  const char* video;
  bool device_code;
};

class GoldenContinuationTest : public testing::TestWithParam<Song> {};

TEST_P(GoldenContinuationTest, GoesOnAsPublished) {
  ModelOptions options;
  options.precision = "fp32";
  options.device_code = GetParam().device_code;
  auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE((*model)->info().encodes_audio);
  NullMetricsSink metrics;
  const auto generator =
      NewGenerator(*std::move(model), OpeningComplete(OpenVideo), {}, Clock::Real(), &metrics);
  ASSERT_TRUE(generator.ok()) << generator.status();
  GenerationRequest request;
  request.sampling.greedy = true;
  request.loudness = LoudnessMode::kNone;
  request.return_tokens = true;
  request.prompt_audio = GoldenTune();
  const auto stream = (*generator)->Submit(request);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const std::string video = ReadFile(Golden(absl::StrCat("videos/", GetParam().video, ".mp4")));
  ASSERT_TRUE((*stream)->AppendVideo(video).ok());
  ASSERT_TRUE((*stream)->FinishVideo().ok());
  const ReadSong song = ReadToEnd(**stream, absl::Seconds(kPatience * 120));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  const auto expected = OpenGolden("prompt/expected.pt");
  const std::vector<int32_t> want = GoldenTokens<int16_t>(
      expected->tensors().at(absl::StrCat(GetParam().video, "/greedy_tokens")));
  EXPECT_EQ(std::vector<int32_t>(song.tokens.begin(), song.tokens.end()), want);
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
