// ImageBind and what stands before it, against its own code with the same hash weights.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/extractors/extractor.h"
#include "core/extractors/imagebind_pictures.h"
#include "core/extractors/imagebind_sound.h"
#include "core/extractors/kaldi_fbank.h"
#include "core/extractors/sinc_resampler.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/synthetic/hash_values.h"
#include "core/video/picture_decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/imagebind_file.h"
#include "tests/support/test_data.h"

namespace vidmuse {
namespace {

// The noise of tests/data/golden/make/make_imagebind.py.
std::vector<std::vector<float>> Noise(const std::string& name, size_t channels, size_t samples) {
  const uint64_t key = Fnv1a64("imagebind:" + name);
  std::vector<std::vector<float>> noise(channels, std::vector<float>(samples));
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < samples; ++i) {
      const float swell = static_cast<float>(i % 4000) / 4000;
      noise[c][i] = (HashUniform(key, c * samples + i) - 0.5f) * swell + 0.125f;
    }
  }
  return noise;
}

class ImageBindGolden : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    expected_ = TensorFile::OpenTorch(TestData("golden/imagebind/expected.pt")).value().release();
    const std::string folder = ::testing::TempDir();
    ASSERT_TRUE(WriteImageBind({}, folder + "/imagebind_huge.pth").ok());
  }

  static std::vector<float> Expected(const std::string& key) {
    const TensorView& tensor = expected_->tensors().at(key);
    const auto* values = static_cast<const float*>(tensor.data);
    return {values, values + tensor.elements()};
  }

  // Every value is within 1e-4 of the largest one.
  static void ExpectSame(const std::vector<float>& got, const std::string& key) {
    const std::vector<float> expected = Expected(key);
    ASSERT_EQ(got.size(), expected.size()) << key;
    float largest = 0;
    for (const float value : expected) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], expected[i], 1e-4 * largest) << key << ", value " << i;
    }
  }

  static TensorFile* expected_;
};

TensorFile* ImageBindGolden::expected_ = nullptr;

TEST_F(ImageBindGolden, FilterBank) {
  const auto bank = KaldiFbank(Noise("fbank", 1, 16000)[0]);
  ASSERT_TRUE(bank.ok()) << bank.status();
  EXPECT_EQ(bank->rows, 98);
  EXPECT_EQ(bank->columns, 128);
  ExpectSame({bank->values.begin(), bank->values.begin() + 30 * 128}, "fbank");
}

TEST_F(ImageBindGolden, Resampling) {
  const std::vector<float> samples = Noise("resample", 1, 3001)[0];
  for (const auto& [from, to] :
       {std::pair{44100, 16000}, std::pair{48000, 16000}, std::pair{22050, 16000},
        std::pair{8000, 16000}, std::pair{44100, 32000}}) {
    std::vector<float> got = SincResample(samples, from, to);
    ASSERT_GE(got.size(), 1000u);
    got.erase(got.begin() + 500, got.end() - 500);
    ExpectSame(got, "resampled_" + std::to_string(from) + "_" + std::to_string(to));
  }
}

TEST_F(ImageBindGolden, Sounds) {
  const auto network = OpenSoundExtractor(SoundNetwork::kImageBindSound, ::testing::TempDir());
  ASSERT_TRUE(network.ok()) << network.status();
  struct Case {
    const char* name;
    int rate;
    size_t channels, samples;
  };
  for (const Case& c :
       {Case{"stereo_44100", 44100, 2, 44100 * 7 + 1234},
        Case{"mono_48000", 48000, 1, 48000 * 3 + 5}, Case{"short_16000", 16000, 1, 17777},
        Case{"third_22050", 22050, 1, 22050 * 11}}) {
    const auto features = (*network)->Extract({c.rate, Noise(c.name, c.channels, c.samples)});
    ASSERT_TRUE(features.ok()) << features.status();
    EXPECT_EQ(features->embeddings.rows, 1);
    EXPECT_EQ(features->embeddings.columns, 24);
    ExpectSame(features->embeddings.values, std::string(c.name) + "/embedding");
  }
}

// Decodes in this process.
absl::StatusOr<PictureInfo> ReadHere(const std::string& path, const PictureOrder& order,
                                     TakePicture take) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const CancelFlag never;
  PictureInfo info;
  const auto take_info = [&](const PictureInfo& told, absl::Duration) {
    info = told;
    return absl::OkStatus();
  };
  const absl::Status decoded = DecodePictures(bytes, order, Limits(), never, take_info, take);
  if (!decoded.ok()) return decoded;
  return info;
}

TEST_F(ImageBindGolden, Videos) {
  const auto network = OpenImageBindPictures(::testing::TempDir() + "/imagebind_huge.pth",
                                             ImageBindParts::kPublished, ReadHere);
  ASSERT_TRUE(network.ok()) << network.status();
  for (const std::string path :
       {"videos/pattern_4s", "videos/life_7s", "videos/zoom_63s", "imagebind/portrait_3s"}) {
    const std::string name = path.substr(path.find('/') + 1);
    const auto features = (*network)->Extract(TestData("golden/" + path + ".mp4"));
    ASSERT_TRUE(features.ok()) << features.status();
    EXPECT_EQ(features->embeddings.rows, 1);
    ExpectSame(features->embeddings.values, name + "/embedding");
  }
}

}  // namespace
}  // namespace vidmuse
