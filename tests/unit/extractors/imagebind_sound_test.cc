// ImageBind's features of sounds: windows, refusals and files of other networks.
#include "core/extractors/imagebind_sound.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/extractors/extractor.h"
#include "core/extractors/imagebind_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hash_sound.h"
#include "tests/support/imagebind_file.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

Sound Noise(double seconds, uint64_t key = 1) { return HashSound(16'000, seconds, key); }

class ImageBindSoundTest : public ::testing::Test {
 protected:
  ImageBindSoundTest() {
    folder_ = ::testing::TempDir() + "/imagebind_sound_test";
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/imagebind_huge.pth";
    EXPECT_TRUE(WriteImageBind({}, file_).ok());
  }

  std::unique_ptr<SoundExtractor> Open(SoundNetwork network) {
    return OpenSoundExtractor(network, folder_).value();
  }

  std::string folder_, file_;
};

TEST_F(ImageBindSoundTest, InfoNamesTheFile) {
  const auto network = Open(SoundNetwork::kImageBindSound);
  EXPECT_EQ(network->info().name, "imagebind_sound");
  EXPECT_EQ(network->info().file, "imagebind_huge.pth");
  EXPECT_EQ(network->info().sha256.size(), 64u);
  EXPECT_THAT(network->info().resampler, HasSubstr("16000"));
}

TEST_F(ImageBindSoundTest, WindowsAreThoseOfTheirStretches) {
  const auto dense = Open(SoundNetwork::kImageBindSoundDense);
  const Sound sound = Noise(19);
  const auto all = dense->Extract(sound);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->embeddings.rows, 10);
  for (size_t window = 0; window < 10; ++window) {
    const auto begin = sound.channels[0].begin() + static_cast<int64_t>(window) * 32'000;
    const auto end = std::min(begin + 32'000, sound.channels[0].end());
    const auto one = dense->Extract({16'000, {{begin, end}}});
    ASSERT_TRUE(one.ok()) << one.status();
    ASSERT_EQ(one->embeddings.rows, 1);
    for (size_t i = 0; i < 24; ++i) {
      EXPECT_NEAR(one->embeddings.values[i], all->embeddings.values[window * 24 + i], 1e-4);
    }
  }
}

TEST_F(ImageBindSoundTest, RowsHaveTheFilesScale) {
  const auto rows = Open(SoundNetwork::kImageBindSoundDense)->Extract(Noise(2));
  ASSERT_TRUE(rows.ok()) << rows.status();
  double squares = 0;
  for (const float value : rows->embeddings.values) squares += double{value} * value;
  EXPECT_NEAR(std::sqrt(squares), 20, 1e-3);
}

TEST_F(ImageBindSoundTest, RefusesWhatIsNoSound) {
  const auto network = Open(SoundNetwork::kImageBindSound);
  const auto refusal = [&](const Sound& sound) {
    const auto features = network->Extract(sound);
    EXPECT_EQ(features.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(features.status().message());
  };
  EXPECT_THAT(refusal({16'000, {}}), HasSubstr("no samples"));
  EXPECT_THAT(refusal({16'000, {{}, {}}}), HasSubstr("no samples"));
  EXPECT_THAT(refusal({16'000, {{1, 2}, {1}}}), HasSubstr("equally long"));
  EXPECT_THAT(refusal({0, {{1, 2}}}), HasSubstr("sample rate"));
  EXPECT_THAT(refusal(Noise(0.02)), HasSubstr("25 ms"));
  Sound damaged = Noise(3);
  damaged.channels[0][17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(damaged), HasSubstr("finite"));
}

TEST_F(ImageBindSoundTest, TowersInUseAreShared) {
  const auto open = [&](ImageBindModality modality) {
    return OpenImageBindFile(file_, modality).value();
  };
  auto first = open(ImageBindModality::kSound);
  EXPECT_EQ(open(ImageBindModality::kSound), first);
  EXPECT_NE(open(ImageBindModality::kPictures), first);
  // A file that changed is read again.
  ASSERT_TRUE(WriteImageBind({.columns = 20}, file_).ok());
  EXPECT_EQ(open(ImageBindModality::kSound)->tower->columns(), 20);
  EXPECT_EQ(first->tower->columns(), 24);
  // Nobody holds a tower that isn't used.
  const std::weak_ptr<const ImageBindFile> unused = first;
  first = nullptr;
  EXPECT_TRUE(unused.expired());
}

TEST_F(ImageBindSoundTest, RefusesOtherFiles) {
  const auto refusal = [&](absl::StatusCode code) {
    const auto network = OpenSoundExtractor(SoundNetwork::kImageBindSound, folder_);
    EXPECT_EQ(network.status().code(), code) << network.status();
    EXPECT_THAT(std::string(network.status().message()), HasSubstr("imagebind_huge.pth"));
    return std::string(network.status().message());
  };
  ASSERT_TRUE(WriteImageBind({.sound_blocks = 0}, file_).ok());
  EXPECT_THAT(refusal(absl::StatusCode::kInvalidArgument), HasSubstr("blocks.0"));
  ASSERT_TRUE(WriteImageBind({}, file_).ok());
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  refusal(absl::StatusCode::kInvalidArgument);
  std::filesystem::remove(file_);
  refusal(absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vidmuse
