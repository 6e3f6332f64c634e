// HTDemucs against what demucs-infer computed with the same weights.
#include "core/extractors/htdemucs.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/extractors/htdemucs_config.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/synthetic/hash_values.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/htdemucs_file.h"

namespace vidmuse {
namespace {

constexpr size_t kEvery = 61;  // of this many samples, the first one is recorded

// make_htdemucs.py's tune.
Sound Tune(const std::string& name, int rate, int64_t samples, size_t channels) {
  Sound sound{rate, std::vector<std::vector<float>>(channels)};
  for (int64_t i = 0; i < samples; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      const float uniform = HashUniform(Fnv1a64(name), static_cast<uint64_t>(2 * i) + c);
      const float pcm = (std::floor(uniform * 65536) - 32768) / 32768;
      sound.channels[c].push_back(0.5f * pcm + 0.125f);
    }
  }
  return sound;
}

// The root mean square of the difference to the recorded samples, relative to that of the latter.
double Difference(const Sound& sound, const TensorView& recorded) {
  const auto* expected = static_cast<const float*>(recorded.data);
  double error = 0, power = 0;
  size_t at = 0;
  for (const std::vector<float>& channel : sound.channels) {
    for (size_t i = 0; i < channel.size(); i += kEvery, ++at) {
      error += std::pow(double{channel[i]} - expected[at], 2);
      power += std::pow(double{expected[at]}, 2);
    }
  }
  EXPECT_EQ(static_cast<int64_t>(at), recorded.elements());
  return std::sqrt(error / power);
}

class HtDemucsGoldenTest : public testing::Test {
 protected:
  static constexpr double kTolerance = 1e-4;

  void SetUp() override {
    const std::string folder = absl::StrCat(testing::TempDir(), "/htdemucs.", getpid());
    std::filesystem::create_directories(folder);
    const absl::Status written = WriteHtDemucs(TinyHtDemucs(), folder);
    ASSERT_TRUE(written.ok()) << written;
    auto opened = HtDemucs::Open(folder);
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(opened.ok()) << opened.status();
    network_ = *std::move(opened);
  }

  void ExpectEqual(const std::string& name, const Sound& sound) const {
    const auto stems = network_->Separate(sound);
    ASSERT_TRUE(stems.ok()) << stems.status();
    ASSERT_EQ(stems->size(), 4u);
    for (const Stem& stem : *stems) {
      EXPECT_EQ(stem.sound.sample_rate, 44100);
      EXPECT_LT(Difference(stem.sound, Recorded(name + "/" + stem.name)), kTolerance) << stem.name;
    }
    const auto split = network_->SplitVocals(sound);
    ASSERT_TRUE(split.ok()) << split.status();
    EXPECT_EQ(split->vocals.channels, stems->back().sound.channels);
    EXPECT_LT(Difference(split->rest, Recorded(name + "/rest")), kTolerance);
  }

  const TensorView& Recorded(const std::string& name) const {
    return expected_->tensors().at(name);
  }

  const std::unique_ptr<TensorFile> expected_ = OpenGolden("htdemucs/expected.pt");
  std::unique_ptr<HtDemucs> network_;
};

TEST_F(HtDemucsGoldenTest, SegmentsOfALongSound) {
  ExpectEqual("long", Tune("tiny:htdemucs long", 44100, 100'000, 2));
}

TEST_F(HtDemucsGoldenTest, ShortMonoSoundOfAnotherRate) {
  ExpectEqual("mono", Tune("tiny:htdemucs mono", 22050, 5'000, 1));
}

TEST(HtDemucsConfigGoldenTest, ReadsThePublishedArguments) {
  const auto file = TensorFile::OpenTorch(Golden("htdemucs/arguments.th"), OtherValues::kSkip);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto config = ReadHtDemucsConfig(**file);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->sources, HtDemucsConfig().sources);
  EXPECT_EQ(config->segment, HtDemucsConfig().segment);
  EXPECT_EQ(config->bottom_channels, HtDemucsConfig().bottom_channels);
  EXPECT_EQ(config->heads, HtDemucsConfig().heads);
  EXPECT_EQ(config->embedding_weight, HtDemucsConfig().embedding_weight);
}

}  // namespace
}  // namespace vidmuse
