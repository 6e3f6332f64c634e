// What HTDemucs accepts and refuses. The golden test compares its stems with the original's.
#include "core/extractors/htdemucs.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/extractors/htdemucs_config.h"
#include "core/model/checkpoint/tensor_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/htdemucs_file.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(absl::StrCat(testing::TempDir(), "/", name, ".", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file() const { return absl::StrCat(path_, "/", HtDemucs::kFile); }

  std::string Read() const {
    std::stringstream bytes;
    bytes << std::ifstream(file(), std::ios::binary).rdbuf();
    return bytes.str();
  }
  void Write(const std::string& bytes) const { std::ofstream(file(), std::ios::binary) << bytes; }

 private:
  const std::string path_;
};

std::string ErrorOf(const Folder& folder) {
  const auto opened = HtDemucs::Open(folder.path());
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument) << opened.status();
  return std::string(opened.status().message());
}

std::string WithAll(std::string bytes, const std::string& old, const std::string& changed) {
  int found = 0;
  for (size_t at = 0; (at = bytes.find(old, at)) != std::string::npos; at += changed.size()) {
    bytes.replace(at, old.size(), changed);
    ++found;
  }
  EXPECT_GT(found, 0) << old;
  return bytes;
}

TEST(HtDemucsFileTest, SaysWhatIsWrong) {
  const Folder folder("htdemucs_file");
  const auto missing = HtDemucs::Open(folder.path());
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(), HasSubstr(folder.file()));

  ASSERT_TRUE(WriteHtDemucs(TinyHtDemucs(), folder.path()).ok());
  const std::string whole = folder.Read();
  const auto opened = HtDemucs::Open(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->info().file, "955717e8-8726e21a.th");
  EXPECT_EQ((*opened)->info().sha256.size(), 64u);
  EXPECT_THAT((*opened)->config().sources, ElementsAre("drums", "bass", "other", "vocals"));

  for (size_t cut = 0; cut < whole.size(); cut += whole.size() / 50) {
    folder.Write(whole.substr(0, cut));
    EXPECT_THAT(ErrorOf(folder), HasSubstr(HtDemucs::kFile)) << cut;
  }
  // A weight under another name, and one too many.
  folder.Write(WithAll(whole, "tencoder.2.conv.bias", "tencoder.2.conv.bIas"));
  EXPECT_THAT(ErrorOf(folder), HasSubstr("tencoder.2.conv.bias"));
  folder.Write(WithAll(whole, "samplerate", "samplErate"));  // 44100 is the default
  EXPECT_TRUE(HtDemucs::Open(folder.path()).ok());
  folder.Write(WithAll(whole, "t_layers", "t_lAyers"));  // 5 is the default
  EXPECT_THAT(ErrorOf(folder), HasSubstr("crosstransformer.layers.3"));
  folder.Write(WithAll(whole, "bottom_channels", "bottom_chAnnels"));  // 0 is the default
  EXPECT_THAT(ErrorOf(folder), HasSubstr("bottom_channels = 0"));
}

TEST(HtDemucsFileTest, ATensorTooManyIsAnotherNetwork) {
  const Folder folder("htdemucs_more");
  HtDemucsConfig config = TinyHtDemucs();
  ASSERT_TRUE(WriteHtDemucs(config, folder.path()).ok());
  // One layer fewer is read than the file has.
  const std::string three = std::string("t_layersJ\x03\0\0\0", 13);
  folder.Write(WithAll(folder.Read(), three, std::string("t_layersJ\x02\0\0\0", 13)));
  EXPECT_THAT(ErrorOf(folder), HasSubstr("unexpected tensor(s)"));
}

class ArgumentFile final : public TensorFile {
 public:
  ArgumentFile() {
    strings_["kwargs/sources/0"] = "vocals";
    numbers_["kwargs/dconv_mode"] = 3;
    numbers_["kwargs/bottom_channels"] = 512;
  }
  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& strings() const override { return strings_; }
  const std::map<std::string, double>& numbers() const override { return numbers_; }
  const std::string& name() const override { return name_; }

  std::map<std::string, std::string> strings_;
  std::map<std::string, double> numbers_;

 private:
  const std::string name_ = "arguments";
  const std::map<std::string, TensorView> tensors_;
};

TEST(HtDemucsConfigTest, RefusesWhatThePublishedModelDoesNotUse) {
  const auto config = ReadHtDemucsConfig(ArgumentFile());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->segment, 441'000);  // the constructor's 10 s
  const std::pair<const char*, double> refused[] = {
      {"cac", 0},
      {"rewrite", 0},
      {"kernel_size", 4},
      {"stride", 2},
      {"context", 0},
      {"context_enc", 1},
      {"dconv_mode", 1},
      {"t_norm_in", 0},
      {"t_norm_in_group", 1},
      {"t_group_norm", 1},
      {"t_norm_first", 0},
      {"t_norm_out", 0},
      {"t_layer_scale", 0},
      {"t_gelu", 0},
      {"t_sin_random_shift", 1},
      {"t_sparse_self_attn", 1},
      {"t_sparse_cross_attn", 1},
      {"t_cross_first", 1},
      {"use_train_segment", 0},
      {"norm_starts", 3},
      {"channels_time", 24},
      {"multi_freqs/0", 0.5},
      {"channels", 48.5},
      {"depth", 6},
      {"nfft", 4095},
      {"bottom_channels", 0},
      {"bottom_channels", 510},
      {"t_heads", 7},
      {"audio_channels", 3},
      {"growth", 1e9},
      {"segment", 0.1},
      {"segment", 1e9},
      {"freq_emb", 0},
      {"segment", std::numeric_limits<double>::quiet_NaN()}};
  for (const auto& [name, value] : refused) {
    ArgumentFile file;
    file.numbers_[absl::StrCat("kwargs/", name)] = value;
    const auto read = ReadHtDemucsConfig(file);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << name << " " << value;
  }
  for (const auto& [name, text] : {std::pair("t_emb", "cape"), std::pair("sources/1", "vocals")}) {
    ArgumentFile file;
    file.strings_[absl::StrCat("kwargs/", name)] = text;
    EXPECT_EQ(ReadHtDemucsConfig(file).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

class HtDemucsSoundTest : public testing::Test {
 protected:
  void SetUp() override {
    const Folder folder("htdemucs_sound");
    ASSERT_TRUE(WriteHtDemucs(TinyHtDemucs(), folder.path()).ok());
    auto opened = HtDemucs::Open(folder.path());
    ASSERT_TRUE(opened.ok()) << opened.status();
    network_ = *std::move(opened);
  }

  static Sound Tone(size_t channels, size_t samples) {
    Sound sound{44100, std::vector<std::vector<float>>(channels, std::vector<float>(samples))};
    for (size_t c = 0; c < channels; ++c) {
      for (size_t i = 0; i < samples; ++i) {
        sound.channels[c][i] = 0.3f * std::sin(0.01f * static_cast<float>(i * (c + 1)));
      }
    }
    return sound;
  }

  std::string ErrorOf(const Sound& sound) const {
    const auto split = network_->SplitVocals(sound);
    EXPECT_EQ(split.status().code(), absl::StatusCode::kInvalidArgument) << split.status();
    return std::string(split.status().message());
  }

  std::unique_ptr<HtDemucs> network_;
};

TEST_F(HtDemucsSoundTest, RefusesSoundsThatCanNotBeSeparated) {
  EXPECT_THAT(ErrorOf(Sound{44100, {}}), HasSubstr("no samples"));
  EXPECT_THAT(ErrorOf(Tone(2, 0)), HasSubstr("no samples"));
  EXPECT_THAT(ErrorOf(Tone(2, 1)), HasSubstr("too short"));
  Sound sound = Tone(2, 1000);
  sound.channels[1][999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(ErrorOf(sound), HasSubstr("finite"));
}

TEST_F(HtDemucsSoundTest, EveryLengthComesBack) {
  const auto segment = static_cast<size_t>(TinyHtDemucs().segment);
  for (const size_t samples : {size_t{2}, size_t{999}, segment, segment + 1}) {
    const auto split = network_->SplitVocals(Tone(2, samples));
    ASSERT_TRUE(split.ok()) << split.status();
    for (const Sound* sound : {&split->rest, &split->vocals}) {
      ASSERT_EQ(sound->channels.size(), 2u);
      EXPECT_EQ(sound->channels[0].size(), samples);
      EXPECT_EQ(sound->channels[1].size(), samples);
    }
  }
}

TEST_F(HtDemucsSoundTest, SilenceIsASound) {
  const auto split = network_->SplitVocals(Sound{44100, {std::vector<float>(1000, 0.0f)}});
  ASSERT_TRUE(split.ok()) << split.status();
  for (const float sample : split->rest.channels[1]) ASSERT_LT(std::abs(sample), 1e-6f);
}

TEST_F(HtDemucsSoundTest, TakesTheFirstTwoChannels) {
  const auto two = network_->SplitVocals(Tone(2, 5000));
  const auto six = network_->SplitVocals(Tone(6, 5000));
  ASSERT_TRUE(two.ok() && six.ok());
  EXPECT_EQ(two->rest.channels, six->rest.channels);
}

TEST_F(HtDemucsSoundTest, CallersDoNotMeet) {
  const Sound sound = Tone(2, 40'000), other = Tone(1, 20'000);
  const auto alone = network_->SplitVocals(sound);
  ASSERT_TRUE(alone.ok()) << alone.status();
  absl::StatusOr<VocalSplit> in_company;
  std::thread first([&] { in_company = network_->SplitVocals(sound); });
  std::thread second([&] { EXPECT_TRUE(network_->Separate(other).ok()); });
  first.join();
  second.join();
  ASSERT_TRUE(in_company.ok()) << in_company.status();
  EXPECT_EQ(alone->rest.channels, in_company->rest.channels);
  EXPECT_EQ(alone->vocals.channels, in_company->vocals.channels);
}

TEST(HtDemucsTest, VocalsMustBeAmongTheSources) {
  const Folder folder("htdemucs_sources");
  HtDemucsConfig config = TinyHtDemucs();
  config.sources = {"left", "right"};
  ASSERT_TRUE(WriteHtDemucs(config, folder.path()).ok());
  const auto network = HtDemucs::Open(folder.path());
  ASSERT_TRUE(network.ok()) << network.status();
  const Sound sound{44100, {std::vector<float>(1000, 0.5f)}};
  EXPECT_EQ((*network)->Separate(sound)->size(), 2u);
  EXPECT_THAT((*network)->SplitVocals(sound).status().message(), HasSubstr("no source 'vocals'"));
}

}  // namespace
}  // namespace vidmuse
