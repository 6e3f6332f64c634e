// LAION-CLAP's sounds against its own code with the same hash weights.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/extractors/extractor.h"
#include "core/extractors/soxr_resampler.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/synthetic/hash_values.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/clap_file.h"
#include "tests/support/test_data.h"

namespace vidmuse {
namespace {

// The noise of tests/data/golden/make/make_clap.py.
std::vector<std::vector<float>> Noise(const std::string& name, size_t channels, size_t samples) {
  const uint64_t key = Fnv1a64("clap:" + name);
  std::vector<std::vector<float>> noise(channels, std::vector<float>(samples));
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < samples; ++i) {
      const float swell = static_cast<float>(i % 9000) / 9000;
      noise[c][i] = (HashUniform(key, c * samples + i) - 0.5f) * swell * 2.4f;
    }
  }
  return noise;
}

// Every value is within 1e-4 of the largest one.
void ExpectSame(const std::vector<float>& got, const TensorView& tensor, const std::string& what) {
  const auto* expected = static_cast<const float*>(tensor.data);
  ASSERT_EQ(static_cast<int64_t>(got.size()), tensor.elements()) << what;
  float largest = 0;
  for (size_t i = 0; i < got.size(); ++i) largest = std::max(largest, std::abs(expected[i]));
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], 1e-4 * largest) << what << ", value " << i;
  }
}

TEST(ClapGolden, Sounds) {
  const auto expected = TensorFile::OpenTorch(TestData("golden/clap/expected.pt"));
  ASSERT_TRUE(expected.ok()) << expected.status();
  const std::string folder = ::testing::TempDir();
  ASSERT_TRUE(WriteClap({}, folder + "/" + PublishedFile(SoundNetwork::kClapMusic)).ok());
  const auto network = OpenSoundExtractor(SoundNetwork::kClapMusic, folder);
  ASSERT_TRUE(network.ok()) << network.status();
  struct Case {
    std::string name;
    int rate;
    size_t channels, samples;
  };
  for (const Case& c :
       {Case{"stereo_44100", 44100, 2, 44100 * 3 + 1234}, Case{"mono_48000", 48000, 1, 480'000},
        Case{"mono_32000", 32000, 1, 32000 * 6 + 77}}) {
    const Sound sound = {c.rate, Noise(c.name, c.channels, c.samples)};
    if (c.channels == 1) {
      auto resampled = SoxrResample(sound.channels[0], c.rate, 48000);
      ASSERT_TRUE(resampled.ok()) << resampled.status();
      resampled->erase(resampled->begin() + 400, resampled->end() - 400);
      ExpectSame(*resampled, (*expected)->tensors().at(c.name + "/resampled"), c.name);
    }
    const auto features = (*network)->Extract(sound);
    ASSERT_TRUE(features.ok()) << features.status();
    EXPECT_EQ(features->embeddings.rows, 1);
    ExpectSame(features->embeddings.values, (*expected)->tensors().at(c.name + "/embedding"),
               c.name);
  }
}

}  // namespace
}  // namespace vidmuse
