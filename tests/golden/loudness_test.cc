// The finished audio against what audiocraft and torchaudio 2.1 made of the same samples.
#include "core/audio/loudness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/model/checkpoint/tensor_file.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {
namespace {

class LoudnessGolden : public testing::Test {
 protected:
  void SetUp() override {
    auto file = TensorFile::OpenTorch(VIDMUSE_TEST_DATA "/golden/tiny/expected.pt");
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
  }

  std::vector<float> Floats(const std::string& name) const {
    const auto tensor = file_->tensors().find(name);
    if (tensor == file_->tensors().end() || tensor->second.dtype != DType::kFloat32) {
      ADD_FAILURE() << "no float tensor " << name;
      return {0.0f};
    }
    const auto* data = static_cast<const float*>(tensor->second.data);
    return std::vector<float>(data, data + tensor->second.elements());
  }

 private:
  std::unique_ptr<TensorFile> file_;
};

// The first 3 s and the last 1 s of this video's song are the whole of it.
TEST_F(LoudnessGolden, ReferenceModeMatches) {
  std::vector<float> song = Floats("pattern_4s/audio_head");
  const std::vector<float> tail = Floats("pattern_4s/audio_tail");
  song.insert(song.end(), tail.begin(), tail.end());
  ASSERT_EQ(song.size(), 128000u);

  auto processor = LoudnessProcessor::Create(LoudnessMode::kReference, 32000);
  ASSERT_TRUE(processor.ok()) << processor.status();
  std::vector<float> loud;
  ASSERT_TRUE((*processor)->Process(song, /*last=*/true, &loud).ok());
  ASSERT_EQ(loud.size(), song.size());

  const std::vector<float> expected = Floats("pattern_4s/loud_head");
  ASSERT_EQ(expected.size(), 32000u);
  float worst = 0;
  double sum_of_squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::fabs(loud[i] - expected[i]));
  }
  for (const float sample : loud) sum_of_squares += static_cast<double>(sample) * sample;
  RecordProperty("worst_difference", std::to_string(worst));
  EXPECT_LE(worst, 1e-5f);
  const double rms = std::sqrt(sum_of_squares / static_cast<double>(loud.size()));
  EXPECT_NEAR(rms, Floats("pattern_4s/loud_rms")[0], 1e-6);
  EXPECT_NEAR((*processor)->OutputLufs(), kTargetLufs, 1.0);
}

}  // namespace
}  // namespace vidmuse
