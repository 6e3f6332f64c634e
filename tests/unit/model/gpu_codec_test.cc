// EnCodec's decoder as plain ATen: streamed equals one-shot bit for bit, and both are the CPU
// kernels'.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <vector>

#include "core/model/cpu/codec.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/gpu/codec.h"
#include "core/model/synthetic/hash_model.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

// Both decoders of one checkpoint.
struct Decoders {
  std::shared_ptr<const gpu::Codec> network;
  std::shared_ptr<DeviceStream> stream;
  std::shared_ptr<const cpu::Codec> codec;
};

Decoders Load(const TensorFile& file, const CodecConfig& config, bool hugging_face) {
  Decoders decoders;
  const std::string prefix = hugging_face ? "" : "best_state/";
  WeightReader weights(&file, prefix), again(&file, prefix);
  DeviceReader reader(&weights, "cpu");
  auto network = gpu::Codec::Load(
      config, hugging_face ? CodecNames::kHuggingFace : CodecNames::kAudiocraft, reader);
  EXPECT_TRUE(network.ok()) << network.status();
  decoders.network = *std::move(network);
  auto stream = DeviceStream::Create("cpu", DeviceStream::Priority::kNormal);
  EXPECT_TRUE(stream.ok()) << stream.status();
  decoders.stream = *std::move(stream);
  auto codec =
      cpu::Codec::Load(config, hugging_face ? CodecNames::kHuggingFace : CodecNames::kAudiocraft,
                       again, **cpu::CpuKernels());
  EXPECT_TRUE(codec.ok()) << codec.status();
  decoders.codec = *std::move(codec);
  return decoders;
}

Decoders Audiocraft() {
  const auto file = HashCodecFile({});
  const auto config = ParseAudiocraftCodecConfig(file->strings().at("xp.cfg"));
  EXPECT_TRUE(config.ok()) << config.status();
  return Load(*file, *config, false);
}

// Mirrored padding.
Decoders HuggingFace() {
  const std::string folder = VIDMUSE_TEST_DATA "/golden/hf_codec/";
  std::stringstream json;
  json << std::ifstream(folder + "config.json").rdbuf();
  const auto config = ParseHuggingFaceCodecConfig(json.str());
  EXPECT_TRUE(config.ok() && config->reflect_padding) << config.status();
  const auto file = TensorFile::OpenSafetensors(folder + "model.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  return Load(**file, *config, true);
}

std::vector<int32_t> RandomTokens(const CodecConfig& config, int frames, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(size_t{1} * frames * config.codebooks);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % config.bins);
  return tokens;
}

std::vector<float> Push(AudioDecoder& decoder, absl::Span<const int32_t> tokens, bool last) {
  std::vector<float> samples;
  const absl::Status status = decoder.Push(tokens, last, &samples);
  EXPECT_TRUE(status.ok()) << status;
  return samples;
}

class GpuCodecTest : public testing::TestWithParam<bool> {
 protected:
  Decoders decoders_ = GetParam() ? HuggingFace() : Audiocraft();
  const CodecConfig& config() const { return decoders_.network->config(); }
  std::unique_ptr<AudioDecoder> New() const {
    return gpu::NewCodecStream(decoders_.network, decoders_.stream);
  }
};

INSTANTIATE_TEST_SUITE_P(Names, GpuCodecTest, testing::Bool(), [](const auto& info) {
  return info.param ? "HuggingFace" : "Audiocraft";
});

TEST_P(GpuCodecTest, IsTheKernels) {
  for (const int frames : {1, 2, 3, 4, 5, 24, 25, 26, 51, 76}) {
    const auto tokens = RandomTokens(config(), frames, frames);
    cpu::CodecStream kernels(decoders_.codec);
    const std::vector<float> expected = Push(kernels, tokens, true);
    const std::vector<float> samples = Push(*New(), tokens, true);
    ASSERT_EQ(samples.size(), expected.size()) << frames;
    double worst = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      worst = std::max(worst, std::abs(double{samples[i]} - expected[i]));
    }
    EXPECT_LT(worst, 1e-5) << frames;
  }
}

TEST_P(GpuCodecTest, StreamedEqualsOneShot) {
  std::mt19937 random(5);
  for (int round = 0; round < 12; ++round) {
    const int frames = static_cast<int>(round < 6 ? round : random() % 120);
    const auto tokens = RandomTokens(config(), frames, round);
    const std::vector<float> expected = Push(*New(), tokens, true);
    EXPECT_EQ(expected.size(), size_t{640} * frames);
    const auto stream = New();
    cpu::CodecStream kernels(decoders_.codec);
    std::vector<float> samples;
    size_t kernel_samples = 0;
    for (int at = 0; at <= frames;) {
      const int count = std::min<int>(frames - at, round % 3 ? random() % 40 : random() % 3);
      const bool last = at + count == frames && random() % 2;
      const auto part = absl::MakeConstSpan(tokens).subspan(size_t{1} * at * config().codebooks,
                                                            size_t{1} * count * config().codebooks);
      const std::vector<float> more = Push(*stream, part, last);
      samples.insert(samples.end(), more.begin(), more.end());
      kernel_samples += Push(kernels, part, last).size();
      EXPECT_EQ(samples.size(), kernel_samples);  // as soon as they are final
      at += count;
      if (last) break;
    }
    EXPECT_TRUE(samples == expected) << frames << " frames";
  }
}

TEST_P(GpuCodecTest, RefusesWhatItCannotDecode) {
  const auto stream = New();
  std::vector<float> samples;
  EXPECT_EQ(stream->Push({1, 2, 3}, false, &samples).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(stream->Push({1, 2, 3, config().bins}, false, &samples).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(stream->Push({}, true, &samples), absl::OkStatus());
  EXPECT_TRUE(samples.empty());
  EXPECT_EQ(stream->Push({}, true, &samples).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(CodecReachTest, OfThePublishedCodec) {
  const gpu::CodecReach reach = gpu::ReachOf(CodecConfig());
  EXPECT_EQ(reach.lookahead_samples, 482);
  EXPECT_EQ(reach.context_frames, 2);
}

}  // namespace
}  // namespace vidmuse
