// A tune's way to the codec's tokens, against what the published code made of the same tune.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/audio/resampler.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/video/sound_decoder.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/golden_tune.h"

namespace vidmuse {
namespace {

constexpr int kModelRate = 32000;

std::vector<float> AtModelRate(const std::string& file) {
  const auto sound = DecodeSound(file, Limits(), CancelFlag());
  EXPECT_TRUE(sound.ok()) << sound.status();
  return Resample(sound->samples, sound->sample_rate, kModelRate);
}

TEST(GoldenPromptTest, ResampledAsPublished) {
  const auto expected = OpenGolden("prompt/expected.pt");
  for (const int rate : {8000, 11025, 22050, 44100, 48000, 96000}) {
    SCOPED_TRACE(rate);
    const std::vector<float> samples =
        AtModelRate(rate == kGoldenTuneRate
                        ? GoldenTune()
                        : GoldenNoise(absl::StrCat("tiny:prompt ", rate), rate, rate * 3 / 5));
    const TensorView& want = expected->tensors().at(absl::StrCat("resampled_", rate));
    ASSERT_EQ(want.shape, (std::vector<int64_t>{2000}));
    const auto* values = static_cast<const float*>(want.data);
    ASSERT_GT(samples.size(), 2000u);
    double worst = 0;
    for (int i = 0; i < 1000; ++i) {
      const float tail = samples[samples.size() - 1000 + static_cast<size_t>(i)];
      worst = std::max({worst, std::abs(double{samples[static_cast<size_t>(i)]} - values[i]),
                        std::abs(double{tail} - values[1000 + i])});
    }
    EXPECT_LT(worst, 2e-6);
    if (rate != kGoldenTuneRate) continue;
    const auto* count = static_cast<const int64_t*>(expected->tensors().at("samples").data);
    EXPECT_EQ(static_cast<int64_t>(samples.size()), *count);
  }
}

TEST(GoldenPromptTest, EncodedAsByAudiocraft) {
  const std::vector<int32_t> expected =
      GoldenTokens<int16_t>(OpenGolden("prompt/expected.pt")->tensors().at("codes"));
  for (const bool device_code : {false, true}) {
    ModelOptions options;
    options.device_code = device_code;
    auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), options);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto tokens = (*model)->EncodeAudio(AtModelRate(GoldenTune()), CancelFlag());
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    EXPECT_EQ(*tokens, expected);
  }
}

}  // namespace
}  // namespace vidmuse
