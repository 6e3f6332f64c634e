// Which files and sounds VGGish and CNN14 refuse, and that company changes nothing.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/extractors/extractor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/sound_network_files.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

constexpr SoundNetwork kNetworks[] = {SoundNetwork::kVggish, SoundNetwork::kCnn14At16kHz,
                                      SoundNetwork::kCnn14At32kHz,
                                      SoundNetwork::kCnn14DecisionLevelMax};

Sound Tone(int rate, size_t samples) {
  Sound sound{rate, {std::vector<float>(samples)}};
  for (size_t i = 0; i < samples; ++i) {
    sound.channels[0][i] = 0.3f * std::sin(0.05f * static_cast<float>(i));
  }
  return sound;
}

class SoundNetworksTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDirectory();
    ASSERT_TRUE(WriteVggish(NetworkSizes::kSmall, Path(SoundNetwork::kVggish)).ok());
    for (const auto& [network, rate] : {std::pair{SoundNetwork::kCnn14At16kHz, 16000},
                                        std::pair{SoundNetwork::kCnn14At32kHz, 32000},
                                        std::pair{SoundNetwork::kCnn14DecisionLevelMax, 32000}}) {
      ASSERT_TRUE(WriteCnn14(rate, NetworkSizes::kSmall, Path(network)).ok());
    }
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string Path(SoundNetwork network) { return folder_->path(PublishedFile(network)); }

  // The error of a file for `network` with these bytes.
  static absl::Status ErrorOf(SoundNetwork network, const std::string& bytes) {
    TempDirectory folder;
    std::ofstream(folder.path(PublishedFile(network)), std::ios::binary) << bytes;
    return OpenSoundExtractor(network, folder.path()).status();
  }

  static std::unique_ptr<SoundExtractor> Open(SoundNetwork network) {
    auto opened = OpenSoundExtractor(network, folder_->path());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static TempDirectory* folder_;
};

TempDirectory* SoundNetworksTest::folder_ = nullptr;

TEST_F(SoundNetworksTest, TellWhatTheyAre) {
  for (const SoundNetwork network : kNetworks) {
    const auto extractor = Open(network);
    ASSERT_NE(extractor, nullptr);
    EXPECT_EQ(extractor->info().file, PublishedFile(network));
    EXPECT_EQ(extractor->info().sha256.size(), 64u);
    EXPECT_THAT(extractor->info().resampler, HasSubstr("000 Hz"));
  }
}

TEST_F(SoundNetworksTest, RefuseOtherFiles) {
  const absl::Status missing =
      OpenSoundExtractor(SoundNetwork::kVggish, folder_->path("nowhere")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("nowhere/vggish-10086976.pth"));
  const std::string vggish = ReadFile(Path(SoundNetwork::kVggish));
  const std::string at_16k = ReadFile(Path(SoundNetwork::kCnn14At16kHz));
  const std::string at_32k = ReadFile(Path(SoundNetwork::kCnn14At32kHz));
  struct Case {
    SoundNetwork network;
    std::string bytes;
    const char* error;
  };
  for (const Case& c : {
           Case{SoundNetwork::kVggish, "", "is empty"},
           Case{SoundNetwork::kVggish, "some text", "not a zip file"},
           Case{SoundNetwork::kVggish, vggish.substr(0, vggish.size() / 2), "cut short"},
           Case{SoundNetwork::kCnn14At16kHz, at_16k.substr(0, at_16k.size() - 100), "cut short"},
           Case{SoundNetwork::kVggish, at_16k, "features.0.weight"},
           // What else a file holds doesn't matter.
           Case{SoundNetwork::kVggish, ReadFile(DataPath("checkpoint/others.pt")),
                "features.0.weight"},
           Case{SoundNetwork::kVggish, ReadFile(DataPath("checkpoint/legacy_others.pt")),
                "features.0.weight"},
           Case{SoundNetwork::kCnn14At16kHz, vggish, "conv_real.weight"},
           Case{SoundNetwork::kCnn14At16kHz, at_32k, "conv_real.weight"},
           Case{SoundNetwork::kCnn14At32kHz, at_16k, "conv_real.weight"},
           Case{SoundNetwork::kCnn14DecisionLevelMax, at_16k, "conv_real.weight"},
       }) {
    const absl::Status status = ErrorOf(c.network, c.bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr(c.error));
    EXPECT_THAT(status.message(), HasSubstr(PublishedFile(c.network)));
  }
}

TEST_F(SoundNetworksTest, RefuseOtherSounds) {
  for (const SoundNetwork network : kNetworks) {
    SCOPED_TRACE(PublishedFile(network));
    const auto extractor = Open(network);
    ASSERT_NE(extractor, nullptr);
    Sound broken = Tone(16000, 16000);
    broken.channels[0][15999] = std::numeric_limits<float>::infinity();
    for (const Sound& sound : {Sound{16000, {}}, Sound{16000, {{}}}, Sound{0, {{0.0f}}}, broken,
                               Sound{16000, {{0.0f, 0.0f}, {0.0f}}}}) {
      const absl::Status status = extractor->Extract(sound).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    }
  }
  const auto events = Open(SoundNetwork::kCnn14DecisionLevelMax);
  const absl::Status status = events->Extract(Tone(32000, 9919)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(status.message(), HasSubstr("shorter than 0.31 s"));
  EXPECT_TRUE(events->Extract(Tone(32000, 9920)).ok());
}

TEST_F(SoundNetworksTest, ShortOnesAreFilledUpAndSilenceIsFine) {
  for (const SoundNetwork network : kNetworks) {
    SCOPED_TRACE(PublishedFile(network));
    const auto extractor = Open(network);
    const bool by_frame = network == SoundNetwork::kCnn14DecisionLevelMax;
    for (const Sound& sound :
         {by_frame ? Tone(8000, 8000) : Tone(8000, 1), Sound{44100, {std::vector<float>(50000)}}}) {
      const auto features = extractor->Extract(sound);
      ASSERT_TRUE(features.ok()) << features.status();
      EXPECT_GT(features->embeddings.rows + features->logits.rows, 0);
      for (const FeatureMatrix* matrix : {&features->embeddings, &features->logits}) {
        EXPECT_EQ(static_cast<int64_t>(matrix->values.size()), matrix->rows * matrix->columns);
        for (const float value : matrix->values) ASSERT_TRUE(std::isfinite(value));
      }
    }
  }
}

TEST_F(SoundNetworksTest, ManyThreadsGetWhatOneGets) {
  const Sound sound = Tone(22050, 50000);
  for (const SoundNetwork network : {SoundNetwork::kVggish, SoundNetwork::kCnn14At16kHz}) {
    const auto extractor = Open(network);
    const auto alone = extractor->Extract(sound);
    ASSERT_TRUE(alone.ok()) << alone.status();
    std::vector<std::thread> threads;
    std::vector<std::vector<float>> values(4);
    for (std::vector<float>& mine : values) {
      threads.emplace_back([&] {
        const auto features = extractor->Extract(sound);
        if (features.ok()) mine = features->embeddings.values;
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::vector<float>& mine : values) EXPECT_EQ(mine, alone->embeddings.values);
  }
}

}  // namespace
}  // namespace vidmuse
