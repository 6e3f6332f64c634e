// LAION-CLAP's features of music: windows, refusals and files of other networks.
#include "core/extractors/clap_music.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/extractors/extractor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/clap_file.h"
#include "tests/support/hash_sound.h"

namespace vidmuse {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Sound Noise(double seconds, uint64_t key = 1) { return HashSound(48'000, seconds, key); }

class ClapMusicTest : public ::testing::Test {
 protected:
  ClapMusicTest() {
    folder_ = ::testing::TempDir() + "/clap_music_test";
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/" + PublishedFile(SoundNetwork::kClapMusic);
    EXPECT_TRUE(WriteClap({}, file_).ok());
  }

  std::unique_ptr<SoundExtractor> Open() {
    return OpenSoundExtractor(SoundNetwork::kClapMusic, folder_).value();
  }

  std::string folder_, file_;
};

std::vector<float> RowOf(const SoundExtractor& network, const Sound& sound) {
  const auto features = network.Extract(sound);
  if (!features.ok()) ADD_FAILURE() << features.status();
  return features.ok() ? features->embeddings.values : std::vector<float>();
}

Sound Part(const Sound& sound, double from, double to) {
  const std::vector<float>& samples = sound.channels[0];
  return {48'000,
          {{samples.begin() + static_cast<int64_t>(from * 48'000),
            samples.begin() + static_cast<int64_t>(to * 48'000)}}};
}

TEST_F(ClapMusicTest, InfoNamesTheFile) {
  const auto network = Open();
  EXPECT_EQ(network->info().name, "clap_music");
  EXPECT_EQ(network->info().file, "music_audioset_epoch_15_esc_90.14.pt");
  EXPECT_EQ(network->info().sha256.size(), 64u);
}

TEST_F(ClapMusicTest, LongSoundIsTheMeanOfItsWindows) {
  const auto network = Open();
  const Sound sound = Noise(26);
  std::vector<float> sum(16);
  for (const auto& [from, to] : {std::pair{0, 10}, std::pair{10, 20}, std::pair{20, 26}}) {
    const std::vector<float> row = RowOf(*network, Part(sound, from, to));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
  }
  double squares = 0;
  for (const float value : sum) squares += double{value} * value;
  for (float& value : sum) value = static_cast<float>(value / std::sqrt(squares));
  EXPECT_THAT(RowOf(*network, sound), Pointwise(FloatNear(1e-6f), sum));
  // Less than half of a window is left out.
  EXPECT_EQ(RowOf(*network, Part(sound, 0, 14.9)), RowOf(*network, Part(sound, 0, 10)));
}

TEST_F(ClapMusicTest, ShortSoundIsRepeated) {
  const auto network = Open();
  const Sound sound = Noise(3);
  Sound thrice = sound;
  for (int i = 0; i < 2; ++i) {
    thrice.channels[0].insert(thrice.channels[0].end(), sound.channels[0].begin(),
                              sound.channels[0].end());
  }
  EXPECT_EQ(RowOf(*network, sound), RowOf(*network, thrice));
}

TEST_F(ClapMusicTest, RefusesWhatIsNoSound) {
  const auto network = Open();
  const auto refusal = [&](const Sound& sound) {
    const auto features = network->Extract(sound);
    EXPECT_EQ(features.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(features.status().message());
  };
  EXPECT_THAT(refusal({48'000, {{}}}), HasSubstr("no samples"));
  EXPECT_THAT(refusal({0, {{1, 2}}}), HasSubstr("sample rate"));
  Sound damaged = Noise(3);
  damaged.channels[0][17] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(damaged), HasSubstr("finite"));
}

TEST_F(ClapMusicTest, RefusesOtherFiles) {
  const auto refusal = [&](absl::StatusCode code) {
    const auto network = OpenSoundExtractor(SoundNetwork::kClapMusic, folder_);
    EXPECT_EQ(network.status().code(), code) << network.status();
    return std::string(network.status().message());
  };
  ASSERT_TRUE(WriteClap({.heads = {3, 2, 4, 4}}, file_).ok());
  EXPECT_THAT(refusal(absl::StatusCode::kInvalidArgument), HasSubstr("heads"));
  ASSERT_TRUE(WriteClap({.depths = {2, 2, 3, 2, 1}, .heads = {2, 2, 4, 4, 4}}, file_).ok());
  EXPECT_THAT(refusal(absl::StatusCode::kInvalidArgument), HasSubstr("more than 4 layers"));
  ASSERT_TRUE(WriteClap({.depths = {2, 0, 3, 2}}, file_).ok());
  EXPECT_THAT(refusal(absl::StatusCode::kInvalidArgument), HasSubstr("layers.1.blocks.0"));
  ASSERT_TRUE(WriteClap({}, file_).ok());
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  refusal(absl::StatusCode::kInvalidArgument);
  std::filesystem::remove(file_);
  refusal(absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vidmuse
