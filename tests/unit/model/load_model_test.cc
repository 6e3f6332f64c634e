#include "core/model/load_model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/model/cpu/kernels/kernels.h"
#include "core/model/synthetic/hash_model.h"
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
  void EraseAll(const std::string& beginning) {
    std::erase_if(tensors_,
                  [&](const auto& tensor) { return tensor.first.starts_with(beginning); });
  }
  void Copy(const std::string& from, const std::string& to) { tensors_[to] = tensors_.at(from); }
  void Reshape(const std::string& name, std::vector<int64_t> shape) {
    tensors_.at(name).shape = std::move(shape);
  }
  std::map<std::string, std::string>& MutableStrings() { return strings_; }
  // Turns the sign of the tensor's last value, which is a float16.
  void TurnSign(const std::string& name) {
    TensorView& tensor = tensors_.at(name);
    const auto* bytes = static_cast<const char*>(tensor.data);
    changed_.assign(bytes, bytes + 2 * tensor.elements());
    changed_.back() = static_cast<char>(changed_.back() ^ 0x80);
    tensor.data = changed_.data();
  }

 private:
  const std::unique_ptr<TensorFile> file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> strings_;
  std::vector<char> changed_;
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
              "best_state/quantizer.vq.layers.9._codebook.inited");
  const absl::Status status = Load(std::move(lm), std::move(codec));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(LoadModelTest, ACodecWithoutAnEncoderTakesNoPrompts) {
  for (const bool device_code : {false, true}) {
    ModelOptions options;
    options.device_code = device_code;
    auto codec = Codec();
    codec->EraseAll("best_state/encoder.");
    const auto model = LoadModelFromFiles(Lm(), std::move(codec), options);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_FALSE((*model)->info().encodes_audio);
    EXPECT_EQ((*model)->EncodeAudio(std::vector<float>(640), CancelFlag()).status().code(),
              absl::StatusCode::kUnimplemented);
  }
  // Half an encoder is an error.
  auto codec = Codec();
  codec->EraseAll("best_state/encoder.model.13.");
  EXPECT_THAT(Message(Load(Lm(), std::move(codec))), HasSubstr("encoder.model.13."));
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

std::string PrintOf(std::unique_ptr<TensorFile> lm, std::unique_ptr<TensorFile> codec,
                    const ModelOptions& options = {}) {
  const auto model = LoadModelFromFiles(std::move(lm), std::move(codec), options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? (*model)->info().fingerprint : "";
}

class FingerprintTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* kernels = std::getenv(kVariable)) before_ = kernels;
  }
  void TearDown() override {
    before_ ? setenv(kVariable, before_->c_str(), 1) : unsetenv(kVariable);
  }

  static constexpr char kVariable[] = "VIDMUSE_CPU_KERNELS";
  std::optional<std::string> before_;
};

TEST_F(FingerprintTest, IsTheSameForTheSameModelWhateverItsThreads) {
  const std::string print = PrintOf(Lm(), Codec());
  EXPECT_THAT(print, testing::MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(PrintOf(Lm(), Codec()), print);
  ModelOptions options;
  options.device_threads = 3;
  options.encode_threads = 1;
  options.slots = 2;
  EXPECT_EQ(PrintOf(Lm(), Codec(), options), print);
}

TEST_F(FingerprintTest, WhatFilesSayOfTheirOriginMakesAnother) {
  std::set<std::string> prints = {PrintOf(Lm(), Codec())};
  for (std::string ModelOptions::*const fact :
       {&ModelOptions::name, &ModelOptions::server_version, &ModelOptions::origin_text}) {
    for (const bool device_code : {false, true}) {
      ModelOptions options;
      options.device_code = device_code;
      options.*fact = "another";
      EXPECT_TRUE(prints.insert(PrintOf(Lm(), Codec(), options)).second);
    }
  }
}

TEST_F(FingerprintTest, OneWeightMakesAnother) {
  std::set<std::string> prints = {PrintOf(Lm(), Codec())};
  for (const char* name :
       {"emb.3.weight", "transformer.layers.1.linear2.weight", "visual_feature_proj.weight",
        "visual_encoder_model.vision_model.encoder.layers.0.mlp.fc1.weight"}) {
    auto lm = Lm();
    lm->TurnSign(std::string("best_state/") + name);
    EXPECT_TRUE(prints.insert(PrintOf(std::move(lm), Codec())).second) << name;
  }
  auto codec = Codec();
  codec->TurnSign("best_state/decoder.model.0.conv.conv.bias");
  EXPECT_TRUE(prints.insert(PrintOf(Lm(), std::move(codec))).second);
}

TEST_F(FingerprintTest, SettingsPrecisionsAndArithmeticMakeOthers) {
  std::set<std::string> prints = {PrintOf(Lm(), Codec())};
  auto lm = Lm();
  std::string& yaml = lm->MutableStrings()["xp.cfg"];
  const std::string setting = "inference_coef: 3.0";
  ASSERT_NE(yaml.find(setting), std::string::npos);
  yaml.replace(yaml.find(setting), setting.size(), "inference_coef: 3.5");
  EXPECT_TRUE(prints.insert(PrintOf(std::move(lm), Codec())).second);
  ModelOptions options;
  for (const char* precision : {"bf16", "fp16", "int8"}) {
    options.precision = precision;
    EXPECT_TRUE(prints.insert(PrintOf(Lm(), Codec(), options)).second) << precision;
  }
  options.precision = "fp32";
  options.device_code = true;
  EXPECT_TRUE(prints.insert(PrintOf(Lm(), Codec(), options)).second);
  const std::string eight_slots = PrintOf(Lm(), Codec(), options);
  EXPECT_EQ(prints.count(eight_slots), 1);
  options.slots = 3;
  EXPECT_TRUE(prints.insert(PrintOf(Lm(), Codec(), options)).second);

  // Kernels with fused multiply-adds make the same bits; others don't.
  int count = 0;
  const cpu::Kernels* const* all = cpu::AvailableKernels(&count);
  for (int i = 0; i < count; ++i) {
    setenv(kVariable, all[i]->name, 1);
    EXPECT_EQ(prints.count(PrintOf(Lm(), Codec())), all[i]->fused == all[0]->fused ? 1 : 0)
        << all[i]->name;
  }
}

TEST_F(FingerprintTest, KernelsThatAreNotThereAreAnError) {
  setenv(kVariable, "avx1024", 1);
  const absl::Status status = Load(Lm(), Codec());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), AllOf(HasSubstr("VIDMUSE_CPU_KERNELS"), HasSubstr("'avx1024'"),
                                     HasSubstr("avx512vnni, avx512, avx2, base")));
  setenv(kVariable, "", 1);
  EXPECT_TRUE(Load(Lm(), Codec()).ok());
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

TEST_F(LoadModelDirTest, AnotherFolderHasTheSameFingerprint) {
  const std::string print = (*LoadModel(options_))->info().fingerprint;
  ModelOptions named;
  named.name = "load_model_test";
  EXPECT_EQ(print, PrintOf(Lm(), Codec(), named));
  const std::string moved = dir_ + "/moved/load_model_test";
  ASSERT_TRUE(WriteHashModel({}, moved).ok());
  options_.model_dir = moved;
  EXPECT_EQ((*LoadModel(options_))->info().fingerprint, print);
}

TEST_F(LoadModelDirTest, TellsTheNoteOfItsLicence) {
  EXPECT_EQ((*LoadModel(options_))->info().license_note, "");
  const auto note = [&](const std::string& text) {
    std::ofstream(dir_ + "/license_note.txt", std::ios::binary) << text;
    const auto model = LoadModel(options_);
    return model.ok() ? (*model)->info().license_note : Message(model.status());
  };
  EXPECT_EQ(note("CC BY-NC 4.0: für Übungen.\nNot for sale.\n"),
            "CC BY-NC 4.0: für Übungen.\nNot for sale.");
  EXPECT_EQ(note(std::string(4096, 'x')), std::string(4096, 'x'));
  EXPECT_THAT(note(std::string(4097, 'x')),
              AllOf(HasSubstr("license_note.txt"), HasSubstr("4096")));
  EXPECT_THAT(note("caf\xe9"), AllOf(HasSubstr("license_note.txt"), HasSubstr("UTF-8")));
  std::filesystem::remove(dir_ + "/license_note.txt");
  std::filesystem::create_directory(dir_ + "/license_note.txt");
  EXPECT_THAT(Message(LoadModel(options_).status()), HasSubstr("license_note.txt"));
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
