// EnCodec's encoder against what transformers computed with the same weights. prompt_test.cc
// compares it with audiocraft.
#include "core/model/torch/codec_encoder.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/model/checkpoint/weight_reader.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"

namespace vidmuse {
namespace {

// 2 * uniform - 1
std::vector<float> HuggingFaceAudio(int64_t count) {
  std::vector<float> samples;
  for (int64_t i = 0; i < count; ++i) {
    samples.push_back(2 * HashUniform(Fnv1a64("hf:audio"), static_cast<uint64_t>(i)) - 1);
  }
  return samples;
}

std::unique_ptr<const CodecEncoder> LoadEncoder(const CodecConfig& config, CodecNames names,
                                                WeightReader& weights) {
  auto created = DeviceStream::Create("cpu", DeviceStream::Priority::kNormal);
  const std::shared_ptr<DeviceStream> stream = *std::move(created);
  DeviceReader reader(&weights, "cpu");
  std::unique_ptr<const CodecEncoder> encoder;
  const absl::Status status = stream->Run([&]() -> absl::Status {
    auto loaded = CodecEncoder::Load(config, names, reader, stream);
    if (!loaded.ok()) return loaded.status();
    encoder = *std::move(loaded);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_NE(encoder, nullptr);
  return encoder;
}

TEST(GoldenCodecEncoderTest, TransformersTokens) {
  std::stringstream json;
  json << std::ifstream(Golden("hf_codec/config.json")).rdbuf();
  const auto config = ParseHuggingFaceCodecConfig(json.str());
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->reflect_padding);
  const auto file = TensorFile::OpenSafetensors(Golden("hf_codec/model.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  WeightReader weights(file->get(), "");
  const auto encoder = LoadEncoder(*config, CodecNames::kHuggingFace, weights);
  const auto tokens = encoder->Encode(HuggingFaceAudio(40 * 640), CancelFlag());
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(*tokens,
            GoldenTokens<int64_t>(OpenGolden("hf_codec/encoded.pt")->tensors().at("codes")));
  // Several pieces, and a last frame that isn't full.
  const auto odd = encoder->Encode(HuggingFaceAudio(120'001), CancelFlag());
  ASSERT_TRUE(odd.ok()) << odd.status();
  EXPECT_EQ(*odd,
            GoldenTokens<int64_t>(OpenGolden("hf_codec/encoded_odd.pt")->tensors().at("codes")));
}

TEST(GoldenCodecEncoderTest, CancelledBefore) {
  auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), {});
  ASSERT_TRUE(model.ok()) << model.status();
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(absl::IsCancelled((*model)->EncodeAudio(HuggingFaceAudio(1000), cancel).status()));
}

}  // namespace
}  // namespace vidmuse
