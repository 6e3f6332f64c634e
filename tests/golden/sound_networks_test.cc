// VGGish, PANNs CNN14 and what stands before them, against the published code with the same hash
// weights.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/extractors/extractor.h"
#include "core/extractors/kaiser_resampler.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/synthetic/hash_values.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/sound_network_files.h"

namespace vidmuse {
namespace {

struct Noise {
  const char* name;
  int rate;
  size_t channels, samples;
};

// Those of tests/data/golden/make/make_sounds.py.
constexpr Noise kSounds[] = {{"stereo_44100", 44100, 2, 44100 * 5 + 1234},
                             {"long_16000", 16000, 1, 16000 * 40 + 77},
                             {"short_48000", 48000, 1, 30001},
                             {"same_32000", 32000, 2, 32000 * 3}};

Sound Make(const Noise& noise) {
  const uint64_t key = Fnv1a64(absl::StrCat("sounds:", noise.name));
  Sound sound{noise.rate, {noise.channels, std::vector<float>(noise.samples)}};
  for (size_t c = 0; c < noise.channels; ++c) {
    for (size_t i = 0; i < noise.samples; ++i) {
      const float swell = static_cast<float>(i % 20000) / 20000;
      sound.channels[c][i] = (HashUniform(key, c * noise.samples + i) - 0.5f) * swell + 0.125f;
    }
  }
  return sound;
}

class SoundNetworksGolden : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    expected_ = OpenGolden("sounds/expected.pt").release();
    const auto path = [](SoundNetwork network) {
      return absl::StrCat(::testing::TempDir(), "/", PublishedFile(network));
    };
    constexpr NetworkSizes kSmall = NetworkSizes::kSmall;
    ASSERT_TRUE(WriteVggish(kSmall, path(SoundNetwork::kVggish)).ok());
    ASSERT_TRUE(WriteCnn14(16000, kSmall, path(SoundNetwork::kCnn14At16kHz)).ok());
    ASSERT_TRUE(WriteCnn14(32000, kSmall, path(SoundNetwork::kCnn14At32kHz)).ok());
    ASSERT_TRUE(WriteCnn14(32000, kSmall, path(SoundNetwork::kCnn14DecisionLevelMax)).ok());
  }

  static std::vector<float> Expected(const std::string& key) {
    const TensorView& tensor = expected_->tensors().at(key);
    const auto* values = static_cast<const float*>(tensor.data);
    return {values, values + tensor.elements()};
  }
  static int64_t ExpectedNumber(const std::string& key) {
    return *static_cast<const int64_t*>(expected_->tensors().at(key).data);
  }

  // The root of the mean square of the difference is within 1e-4 of that of the values.
  static void ExpectSame(const std::vector<float>& got, const std::string& key) {
    const std::vector<float> expected = Expected(key);
    ASSERT_EQ(got.size(), expected.size()) << key;
    double squares = 0, errors = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      squares += std::pow(double{expected[i]}, 2);
      errors += std::pow(double{got[i]} - expected[i], 2);
    }
    EXPECT_GT(squares, 0) << key;
    EXPECT_LE(std::sqrt(errors / squares), 1e-4) << key;
  }

  static std::unique_ptr<SoundExtractor> Open(SoundNetwork network) {
    auto opened = OpenSoundExtractor(network, ::testing::TempDir());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static TensorFile* expected_;
};

TensorFile* SoundNetworksGolden::expected_ = nullptr;

TEST_F(SoundNetworksGolden, KaiserResampling) {
  const std::vector<float> samples = Make({"kaiser", 1, 1, 3001}).channels[0];
  for (const auto& [from, to] :
       {std::pair{44100, 32000}, std::pair{48000, 32000}, std::pair{22050, 32000},
        std::pair{16000, 32000}, std::pair{44100, 16000}}) {
    const std::string key = absl::StrCat("kaiser_", from, "_", to);
    std::vector<float> got = KaiserResample(samples, from, to);
    EXPECT_EQ(static_cast<int64_t>(got.size()), ExpectedNumber(key + "/samples")) << key;
    ASSERT_GE(got.size(), 1000u);
    got.erase(got.begin() + 500, got.end() - 500);
    ExpectSame(got, key);
  }
}

TEST_F(SoundNetworksGolden, Vggish) {
  const auto network = Open(SoundNetwork::kVggish);
  ASSERT_NE(network, nullptr);
  for (const Noise& noise : kSounds) {
    const auto features = network->Extract(Make(noise));
    ASSERT_TRUE(features.ok()) << features.status();
    EXPECT_EQ(features->embeddings.columns, 128);
    EXPECT_EQ(features->logits.rows, 0);
    ExpectSame(features->embeddings.values, absl::StrCat(noise.name, "/vggish"));
  }
}

TEST_F(SoundNetworksGolden, Cnn14) {
  for (const auto& [kind, name] : {std::pair{SoundNetwork::kCnn14At16kHz, "cnn14_16k"},
                                   std::pair{SoundNetwork::kCnn14At32kHz, "cnn14_32k"}}) {
    const auto network = Open(kind);
    ASSERT_NE(network, nullptr);
    EXPECT_EQ(network->info().name, name);
    for (const Noise& noise : kSounds) {
      const auto features = network->Extract(Make(noise));
      ASSERT_TRUE(features.ok()) << features.status();
      EXPECT_EQ(features->embeddings.columns, 2048);
      EXPECT_EQ(features->logits.columns, 527);
      const std::string key = absl::StrCat(noise.name, "/", name);
      ExpectSame(features->embeddings.values, key + "/embedding");
      ExpectSame(features->logits.values, key + "/logits");
    }
  }
}

TEST_F(SoundNetworksGolden, Cnn14DecisionLevelMax) {
  const auto network = Open(SoundNetwork::kCnn14DecisionLevelMax);
  ASSERT_NE(network, nullptr);
  for (const Noise& noise : kSounds) {
    const auto features = network->Extract(Make(noise));
    ASSERT_TRUE(features.ok()) << features.status();
    const FeatureMatrix& logits = features->logits;
    EXPECT_EQ(features->embeddings.rows, 0);
    EXPECT_EQ(logits.columns, 527);
    EXPECT_EQ(logits.rows, ExpectedNumber(absl::StrCat(noise.name, "/events/frames")));
    std::vector<float> some;
    std::vector<int64_t> frames = {0};
    if (logits.rows > 32) frames.push_back(32);
    frames.push_back(logits.rows - 1);
    for (const int64_t frame : frames) {
      for (int64_t c = 0; c < logits.columns; c += 8) {
        // The published code gives the sigmoid.
        const float logit = logits.values[static_cast<size_t>(frame * logits.columns + c)];
        some.push_back(1 / (1 + std::exp(-logit)));
      }
    }
    ExpectSame(some, absl::StrCat(noise.name, "/events/some"));
  }
}

}  // namespace
}  // namespace vidmuse
