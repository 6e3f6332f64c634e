#include "core/model/load_model.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/hash_model/hash_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A file with something changed.
class ChangedFile final : public TensorFile {
 public:
  explicit ChangedFile(std::unique_ptr<TensorFile> file)
      : file_(std::move(file)), tensors_(file_->tensors()), strings_(file_->strings()) {}
  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& strings() const override { return strings_; }
  const std::string& name() const override { return file_->name(); }

  void Rename(const std::string& from, const std::string& to) {
    tensors_[to] = tensors_.at(from);
    tensors_.erase(from);
  }
  void Copy(const std::string& from, const std::string& to) { tensors_[to] = tensors_.at(from); }
  void Reshape(const std::string& name, std::vector<int64_t> shape) {
    tensors_.at(name).shape = std::move(shape);
  }
  std::map<std::string, std::string>& MutableStrings() { return strings_; }

 private:
  const std::unique_ptr<TensorFile> file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> strings_;
};

std::unique_ptr<ChangedFile> Lm() { return std::make_unique<ChangedFile>(HashLmFile({})); }
std::unique_ptr<ChangedFile> Codec() { return std::make_unique<ChangedFile>(HashCodecFile({})); }

absl::Status Load(std::unique_ptr<TensorFile> lm, std::unique_ptr<TensorFile> codec) {
  return LoadModelFromFiles(std::move(lm), std::move(codec), {}).status();
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(LoadModelTest, RefusesDevicesAndPrecisionsItLacks) {
  const auto load = [](const std::string& device, const std::string& precision) {
    ModelOptions options;
    options.device = device;
    options.precision = precision;
    return LoadModelFromFiles(Lm(), Codec(), options).status();
  };
  for (const char* precision : {"", "fp32", "bf16", "fp16", "int8"}) {
    EXPECT_TRUE(load("cpu", precision).ok()) << precision;
  }
  EXPECT_EQ(load("auto", "").code(), absl::StatusCode::kInvalidArgument);  // ChooseDevices' to say
  EXPECT_EQ(load("tpu", "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(load("tpu", "")), AllOf(HasSubstr("tpu"), HasSubstr("cpu")));
  EXPECT_EQ(load("cpu", "int4").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(load("cpu", "int4")),
              AllOf(HasSubstr("int4"), HasSubstr("fp32, bf16, fp16, int8")));
}

TEST(LoadModelTest, LargeModelsAreInt8UnlessToldOtherwise) {
  const auto precision = [](const HashModelSizes& sizes) {
    auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), {});
    EXPECT_TRUE(model.ok()) << model.status();
    return (*model)->info().precision;
  };
  HashModelSizes sizes;
  EXPECT_EQ(precision(sizes), "fp32");
  sizes.dim = 512;
  sizes.num_heads = 8;
  sizes.num_layers = 6;
  sizes.hidden_scale = 4;  // 88 MB a step in float32
  EXPECT_EQ(precision(sizes), "int8");
}

TEST(LoadModelTest, NamesTensorsThatAreMissingExtraOrMisshapen) {
  auto lm = Lm();
  lm->Rename("best_state/out_norm.weight", "best_state/out_norm.wait");
  EXPECT_THAT(Message(Load(std::move(lm), Codec())), HasSubstr("out_norm.weight"));
  lm = Lm();
  lm->Copy("best_state/out_norm.weight", "best_state/transformer.layers.2.norm1.weight");
  const absl::Status extra = Load(std::move(lm), Codec());
  EXPECT_EQ(extra.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(extra), HasSubstr("transformer.layers.2.norm1.weight"));
  lm = Lm();
  lm->Reshape("best_state/linears.3.weight", {32, 128});
  EXPECT_THAT(Message(Load(std::move(lm), Codec())),
              AllOf(HasSubstr("linears.3.weight"), HasSubstr("[32, 128]"), HasSubstr("[64, 64]")));
  auto codec = Codec();
  codec->Copy("best_state/decoder.model.0.conv.conv.bias", "best_state/decoder.model.99.bias");
  EXPECT_THAT(Message(Load(Lm(), std::move(codec))), HasSubstr("decoder.model.99.bias"));
}

TEST(LoadModelTest, IgnoresWhatInferenceDoesNotRead) {
  auto lm = Lm();
  for (const char* name : {"condition_provider.conditioners.description.output_proj.weight",
                           "visual_encoder_model.vision_model.post_layernorm.bias"}) {
    lm->Copy("best_state/out_norm.weight", std::string("best_state/") + name);
  }
  auto codec = Codec();
  codec->Copy("best_state/decoder.model.0.conv.conv.bias",
              "best_state/encoder.model.0.conv.conv.bias");
  const absl::Status status = Load(std::move(lm), std::move(codec));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(LoadModelTest, NamesTheSettingThatIsWrong) {
  auto lm = Lm();
  lm->MutableStrings().erase("xp.cfg");
  EXPECT_THAT(Message(Load(std::move(lm), Codec())), HasSubstr("xp.cfg"));
  lm = Lm();
  std::string& yaml = lm->MutableStrings()["xp.cfg"];
  const std::string setting = "qk_layer_norm: false";
  ASSERT_NE(yaml.find(setting), std::string::npos);
  yaml.replace(yaml.find(setting), setting.size(), "qk_layer_norm: true");
  EXPECT_THAT(Message(Load(std::move(lm), Codec())), HasSubstr("qk_layer_norm"));
}

TEST(LoadModelTest, TheCodecMustMatch) {
  HashModelSizes sizes;
  sizes.codec_bins = 32;
  const absl::Status status = Load(Lm(), HashCodecFile(sizes));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), AllOf(HasSubstr("codebook size of 64"), HasSubstr("32")));
}

// Checkpoint directories on disk.
class LoadModelDirTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "/load_model_test";
    std::filesystem::remove_all(dir_);
    ASSERT_TRUE(WriteHashModel({}, dir_).ok());
    options_.model_dir = dir_;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void ReplaceCodec(const std::string& file) {
    std::filesystem::copy_file(std::string(VIDMUSE_TEST_DATA "/load_model/") + file,
                               dir_ + "/compression_state_dict.bin",
                               std::filesystem::copy_options::overwrite_existing);
  }

  const std::string hf_codec_ = VIDMUSE_TEST_DATA "/golden/hf_codec";
  std::string dir_;
  ModelOptions options_;
};

TEST_F(LoadModelDirTest, IsNamedAfterItsDirectory) {
  auto model = LoadModel(options_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().name, "load_model_test");
  options_.model_dir += "/";
  EXPECT_EQ((*LoadModel(options_))->info().name, "load_model_test");
  options_.name = "another";
  EXPECT_EQ((*LoadModel(options_))->info().name, "another");
}

TEST_F(LoadModelDirTest, NamesTheMissingFile) {
  std::filesystem::remove(dir_ + "/compression_state_dict.bin");
  EXPECT_EQ(LoadModel(options_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(LoadModel(options_).status()), HasSubstr("compression_state_dict.bin"));
  std::filesystem::remove(dir_ + "/state_dict.bin");
  EXPECT_THAT(Message(LoadModel(options_).status()), HasSubstr("/state_dict.bin"));
}

TEST_F(LoadModelDirTest, FindsAHuggingFaceCodec) {
  ReplaceCodec("pretrained_codec.bin");
  const absl::Status missing = LoadModel(options_).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("encodec_32khz/config.json"));

  options_.codec_dir = hf_codec_;
  auto model = LoadModel(options_);
  ASSERT_TRUE(model.ok()) << model.status();

  options_.codec_dir.clear();
  std::filesystem::create_directory(dir_ + "/encodec_32khz");
  std::filesystem::copy_file(hf_codec_ + "/config.json", dir_ + "/encodec_32khz/config.json");
  const absl::Status no_weights = LoadModel(options_).status();
  EXPECT_EQ(no_weights.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(no_weights), HasSubstr("model.safetensors"));
  std::filesystem::copy_file(hf_codec_ + "/model.safetensors",
                             dir_ + "/encodec_32khz/model.safetensors");
  model = LoadModel(options_);
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST_F(LoadModelDirTest, RefusesAnotherPretrainedCodec) {
  ReplaceCodec("other_pretrained_codec.bin");
  EXPECT_THAT(Message(LoadModel(options_).status()), HasSubstr("facebook/encodec_24khz"));
}

// Its CLIP tower is narrower than a published one.
TEST(DemoModelTest, Loads) {
  ModelOptions options;
  options.model_dir = VIDMUSE_TEST_DATA "/demo";
  const auto model = LoadModel(options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().name, "demo");
  EXPECT_EQ((*model)->info().precision, "fp32");
}

}  // namespace
}  // namespace vidmuse
