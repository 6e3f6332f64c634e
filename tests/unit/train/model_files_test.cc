// Models that others have written, read to be trained on.
#include "core/train/model_files.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_replace.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/layout.h"
#include "core/train/codec_network.h"
#include "tests/unit/train/train_test_util.h"

namespace vidmuse::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kHuggingFaceCodec[] = VIDMUSE_TEST_DATA "/golden/hf_codec";
constexpr int kFrames = 40;

void ExpectSame(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.entries().size(), b.entries().size());
  for (const Parameters::Entry& entry : a.entries()) {
    EXPECT_TRUE(at::equal(entry.tensor, b[entry.name])) << entry.name;
  }
}

// [1][codebooks][frames]
at::Tensor Encode(const CodecModel& codec, const at::Tensor& audio) {
  c10::NoGradGuard no_grad;
  const at::Tensor latents = EncodeAudio(codec.config, codec.parameters, audio);
  return Quantize(codec.config, codec.parameters, latents).codes;
}

// What the golden tokens were made of: 2 * uniform - 1.
at::Tensor GoldenAudio() {
  at::Tensor audio = at::empty({1, int64_t{kFrames} * 640});
  const uint64_t key = Fnv1a64("hf:audio");
  for (int64_t i = 0; i < audio.numel(); ++i) {
    audio.mutable_data_ptr<float>()[i] = 2 * HashUniform(key, static_cast<uint64_t>(i)) - 1;
  }
  return audio;
}

// A model whose compression_state_dict.bin only names facebook/encodec_32khz.
class HuggingFaceCodecTest : public testing::Test {
 protected:
  HuggingFaceCodecTest() : folder_(FreshFolder()) {
    std::filesystem::copy_file(VIDMUSE_TEST_DATA "/load_model/pretrained_codec.bin",
                               folder_ + "/compression_state_dict.bin");
  }

  // A directory of the same codec as a torch.save file, with each name as `rename` says; "": left
  // out.
  template <typename Rename>
  std::string Renamed(const Rename& rename) {
    const std::string directory = folder_ + "/encodec_32khz";
    std::filesystem::create_directory(directory);
    std::filesystem::copy_file(std::string(kHuggingFaceCodec) + "/config.json",
                               directory + "/config.json");
    const auto file =
        TensorFile::OpenSafetensors(std::string(kHuggingFaceCodec) + "/model.safetensors");
    const auto writer = TorchFileWriter::Create(directory + "/pytorch_model.bin");
    EXPECT_TRUE(file.ok() && writer.ok());
    for (const auto& [name, view] : (*file)->tensors()) {
      const std::string other = rename(name);
      if (other.empty()) continue;
      EXPECT_TRUE((*writer)->AddTensor(other, view).ok());
    }
    EXPECT_TRUE((*writer)->Finish().ok());
    return directory;
  }

  const std::string folder_;
};

TEST_F(HuggingFaceCodecTest, MakesTheTokensThatTransformersMakes) {
  const auto codec = ReadCodec(folder_, kHuggingFaceCodec);
  ASSERT_TRUE(codec.ok()) << codec.status();
  const auto file = TensorFile::OpenTorch(std::string(kHuggingFaceCodec) + "/encoded.pt");
  ASSERT_TRUE(file.ok()) << file.status();
  const TensorView& expected = (*file)->tensors().at("codes");
  ASSERT_EQ(expected.shape, (std::vector<int64_t>{1, 4, kFrames}));
  const at::Tensor codes = Encode(*codec, GoldenAudio());
  EXPECT_TRUE(
      at::equal(codes, at::from_blob(const_cast<void*>(expected.data), expected.shape, at::kLong)));
}

TEST_F(HuggingFaceCodecTest, IsTheSameInAudiocraftsLayout) {
  const auto codec = ReadCodec(folder_, kHuggingFaceCodec);
  ASSERT_TRUE(codec.ok()) << codec.status();
  HashModelSizes sizes;
  sizes.codec_dimension = 16;
  sizes.codec_filters = 4;
  sizes.codec_bins = 64;
  CodecModel same = *codec;
  same.yaml = absl::StrReplaceAll(CodecYaml(sizes), {{"pad_mode: constant", "pad_mode: reflect"}});
  // Its weights are half-precision numbers.
  ASSERT_TRUE(WriteCodec(same, folder_ + "/audiocraft").ok());
  const auto read = ReadCodec(folder_ + "/audiocraft");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->config.reflect_padding);
  ExpectSame(codec->parameters, read->parameters);
  EXPECT_TRUE(at::equal(Encode(*codec, GoldenAudio()), Encode(*read, GoldenAudio())));
}

TEST_F(HuggingFaceCodecTest, ReadsNewerNamesOfWeightNorm) {
  Renamed([](const std::string& name) {
    return absl::StrReplaceAll(name, {{".weight_g", ".parametrizations.weight.original0"},
                                      {".weight_v", ".parametrizations.weight.original1"}});
  });
  const auto newer = ReadCodec(folder_);
  ASSERT_TRUE(newer.ok()) << newer.status();
  ExpectSame(ReadCodec(folder_, kHuggingFaceCodec)->parameters, newer->parameters);
}

TEST_F(HuggingFaceCodecTest, NamesTheTensorThatIsMissing) {
  const std::string gone = "encoder.layers.3.conv.bias";
  Renamed([&](const std::string& name) { return name == gone ? "" : name; });
  const absl::Status status = ReadCodec(folder_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr(gone)));
  EXPECT_THAT(ReadCodec(folder_, folder_).status().message(), HasSubstr("config.json"));
}

TEST_F(HuggingFaceCodecTest, IsCopiedAsItIs) {
  const std::string to = folder_ + "/copy";
  ASSERT_TRUE(CopyCodec(folder_, kHuggingFaceCodec, to).ok());
  const auto copy = ReadCodec(to);
  ASSERT_TRUE(copy.ok()) << copy.status();
  ExpectSame(ReadCodec(folder_, kHuggingFaceCodec)->parameters, copy->parameters);
  EXPECT_EQ(CheckWritable(*copy).code(), absl::StatusCode::kFailedPrecondition);
  // Onto itself.
  EXPECT_TRUE(CopyCodec(to, "", to).ok());
  EXPECT_TRUE(ReadCodec(to).ok());
  const absl::Status status = CopyCodec(to, "", kHuggingFaceCodec + std::string("/config.json"));
  EXPECT_THAT(status.message(), HasSubstr("cannot make"));
}

TEST(TokenModelFileTest, NamesTheTensorThatIsWrong) {
  const std::string folder = FreshFolder();
  const TokenModel model = *NewTokenModel(SmallSizes(), 1);
  const auto written = [&](const std::string& name, const at::Tensor& instead) {
    TokenModel other;
    other.yaml = model.yaml;
    for (const Parameters::Entry& entry : model.parameters.entries()) {
      const at::Tensor& tensor = entry.name == name ? instead : entry.tensor;
      if (tensor.defined()) other.parameters.Add(entry.name, tensor);
    }
    EXPECT_TRUE(WriteTokenModel(other, folder).ok());
    return ReadTokenModel(folder).status();
  };
  EXPECT_TRUE(written("", at::Tensor()).ok());
  for (const char* name : {"emb.2.weight", "transformer.layers.1.cross_attention.in_proj_weight",
                           "global_temporal_transformer.layers.0.1.fn.net.3.bias"}) {
    const auto names_it = AllOf(HasSubstr(folder + "/state_dict.bin"), HasSubstr(name));
    EXPECT_THAT(written(name, at::Tensor()).message(), names_it);
    EXPECT_THAT(written(name, at::zeros({3})).message(), names_it);
  }
  EXPECT_THAT(
      written("visual_encoder_model.vision_model.embeddings.class_embedding", at::zeros(5))
          .message(),
      HasSubstr("state_dict.bin: tensor "
                "'visual_encoder_model.vision_model.embeddings.class_embedding' has 5 rows, "
                "expected a multiple of 192"));
}

}  // namespace
}  // namespace vidmuse::train
