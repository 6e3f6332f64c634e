// EnCodec's decoder against what audiocraft and transformers computed with the same weights.
#include "core/model/cpu/codec.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

constexpr double kTolerance = 1e-5;

std::string Golden(const std::string& name) {
  return std::string(VIDMUSE_TEST_DATA "/golden/") + name;
}

std::unique_ptr<TensorFile> Open(const std::string& name) {
  auto file = TensorFile::OpenTorch(Golden(name));
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

std::vector<float> Floats(const TensorFile& file, const std::string& name) {
  const TensorView& view = file.tensors().at(name);
  auto values = WeightReader(&file, "").Read(name, view.shape);
  EXPECT_TRUE(values.ok()) << values.status();
  return *std::move(values);
}

// [codebooks][frames] of integers -> [frames][codebooks]
template <typename Int>
std::vector<int32_t> Tokens(const TensorView& view, int codebooks) {
  const Int* data = static_cast<const Int*>(view.data);
  const int64_t frames = view.elements() / codebooks;
  std::vector<int32_t> tokens(view.elements());
  for (int64_t t = 0; t < frames; ++t) {
    for (int k = 0; k < codebooks; ++k) {
      tokens[t * codebooks + k] = static_cast<int32_t>(data[k * frames + t]);
    }
  }
  return tokens;
}

std::vector<float> Decode(std::shared_ptr<const cpu::Codec> codec,
                          const std::vector<int32_t>& tokens) {
  std::vector<float> samples;
  EXPECT_TRUE(cpu::CodecStream(std::move(codec)).Push(tokens, true, &samples).ok());
  return samples;
}

double Worst(const float* samples, const std::vector<float>& expected) {
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(double{samples[i]} - expected[i]));
  }
  return worst;
}

class GoldenCodecTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Videos, GoldenCodecTest,
                         testing::Values("pattern_4s", "life_7s", "zoom_63s"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(GoldenCodecTest, AudiocraftsDecoder) {
  const auto file = Open("tiny/compression_state_dict.bin");
  const auto expected = Open("tiny/expected.pt");
  const auto config = ParseAudiocraftCodecConfig(file->strings().at("xp.cfg"));
  ASSERT_TRUE(config.ok()) << config.status();
  WeightReader weights(file.get(), "best_state/");
  const auto codec =
      cpu::Codec::Load(*config, CodecNames::kAudiocraft, weights, **cpu::CpuKernels());
  ASSERT_TRUE(codec.ok()) << codec.status();

  const std::string video = absl::StrCat(GetParam(), "/");
  const TensorView& tokens = expected->tensors().at(video + "greedy_tokens");
  ASSERT_EQ(tokens.dtype, DType::kInt16);
  const std::vector<float> samples = Decode(*codec, Tokens<int16_t>(tokens, config->codebooks));
  ASSERT_EQ(samples.size(), tokens.elements() / config->codebooks * 640);
  const std::vector<float> head = Floats(*expected, video + "audio_head");
  const std::vector<float> tail = Floats(*expected, video + "audio_tail");
  EXPECT_LT(Worst(samples.data(), head), kTolerance);
  EXPECT_LT(Worst(samples.data() + samples.size() - tail.size(), tail), kTolerance);
  double squares = 0;
  for (const float sample : samples) squares += double{sample} * sample;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(samples.size())),
              Floats(*expected, video + "audio_rms")[0], kTolerance);
}

TEST(GoldenHuggingFaceCodecTest, TransformersDecoder) {
  std::stringstream json;
  json << std::ifstream(Golden("hf_codec/config.json")).rdbuf();
  const auto config = ParseHuggingFaceCodecConfig(json.str());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->reflect_padding);
  const auto file = TensorFile::OpenSafetensors(Golden("hf_codec/model.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  WeightReader weights(file->get(), "");
  const auto codec =
      cpu::Codec::Load(*config, CodecNames::kHuggingFace, weights, **cpu::CpuKernels());
  ASSERT_TRUE(codec.ok()) << codec.status();

  const auto expected = Open("hf_codec/expected.pt");
  const std::vector<float> audio = Floats(*expected, "audio");
  const std::vector<float> samples =
      Decode(*codec, Tokens<int64_t>(expected->tensors().at("codes"), config->codebooks));
  ASSERT_EQ(samples.size(), audio.size());
  EXPECT_LT(Worst(samples.data(), audio), kTolerance);
}

}  // namespace
}  // namespace vidmuse
