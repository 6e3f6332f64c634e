// Silero VAD against what silero-vad computed with the same weights.
#include "core/extractors/silero_vad.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <numbers>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint/tensor_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/test_data.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// make_silero_vad.py's voice.
std::vector<float> Voice(int rate, int seconds) {
  constexpr double kFormants[5][3] = {
      {730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240}, {530, 1840, 2480}, {570, 840, 2410}};
  constexpr double kPeaks[3] = {1, 0.6, 0.3};
  constexpr double kWidths[3] = {80, 100, 150};
  std::vector<float> samples;
  double turns = 0;
  for (int i = 0; i < rate * seconds; ++i) {
    const double t = static_cast<double>(i) / rate;
    const double pitch = 120 - 15 * std::fmod(t, 1.4) / 1.4;
    turns += pitch;
    const double phase = 2 * std::numbers::pi * turns / rate;
    const auto& formants = kFormants[static_cast<int>(std::floor(t / 0.22)) % 5];
    double sum = 0;
    for (int harmonic = 1; harmonic <= 30; ++harmonic) {
      double gain = 0;
      for (int f = 0; f < 3; ++f) {
        const double away = (harmonic * pitch - formants[f]) / kWidths[f];
        gain += kPeaks[f] / (1 + away * away);
      }
      sum += gain / std::pow(harmonic, 0.3) * std::sin(harmonic * phase);
    }
    const double envelope = std::sqrt(std::sin(std::numbers::pi * std::fmod(t, 0.22) / 0.22));
    samples.push_back(std::fmod(t, 2.0) < 1.4 ? static_cast<float>(0.15 * sum * envelope) : 0.0f);
  }
  return samples;
}

class SileroVadTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = SileroVad::Open(TestData("silero_vad"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    network_ = *std::move(opened);
  }

  void ExpectEqual(const std::string& name, const Sound& sound) const {
    const auto found = network_->Find(sound);
    ASSERT_TRUE(found.ok()) << found.status();
    const TensorView& probabilities = expected_->tensors().at(name + "/probabilities");
    ASSERT_EQ(static_cast<int64_t>(found->probabilities.size()), probabilities.elements());
    const auto* recorded = static_cast<const float*>(probabilities.data);
    float highest = 0;
    for (size_t i = 0; i < found->probabilities.size(); ++i) {
      ASSERT_NEAR(found->probabilities[i], recorded[i], 1e-4) << i;
      highest = std::max(highest, recorded[i]);
    }
    EXPECT_GT(highest, 0.8f);
    const TensorView& spans = expected_->tensors().at(name + "/spans");
    std::vector<SpeechSpan> recorded_spans(static_cast<size_t>(spans.shape[0]));
    std::memcpy(recorded_spans.data(), spans.data, recorded_spans.size() * sizeof(SpeechSpan));
    EXPECT_EQ(found->spans, recorded_spans);
  }

  const std::unique_ptr<TensorFile> expected_ = OpenGolden("silero_vad/expected.pt");
  std::unique_ptr<SileroVad> network_;
};

TEST_F(SileroVadTest, FindsAVoice) {
  ExpectEqual("long", Sound{SileroVad::kSampleRate, {Voice(SileroVad::kSampleRate, 20)}});
}

TEST_F(SileroVadTest, OfStereoAtAnotherRate) {
  const std::vector<float> left = Voice(44100, 3);
  std::vector<float> right = left;
  for (float& sample : right) sample *= 0.5f;
  ExpectEqual("stereo", Sound{44100, {left, right}});
}

TEST_F(SileroVadTest, SilenceIsNoSpeech) {
  const auto silence = network_->Find(Sound{16000, {std::vector<float>(1, 0.0f)}});
  ASSERT_TRUE(silence.ok()) << silence.status();
  EXPECT_EQ(silence->probabilities.size(), 1u);
  EXPECT_THAT(silence->spans, IsEmpty());
  EXPECT_EQ(silence->share(), 0);
}

TEST_F(SileroVadTest, RefusesWhatIsNoSound) {
  EXPECT_EQ(network_->Find(Sound{16000, {}}).status().code(), absl::StatusCode::kInvalidArgument);
  const Sound sound{16000, {{0.0f, std::numeric_limits<float>::infinity()}}};
  EXPECT_THAT(network_->Find(sound).status().message(), HasSubstr("finite"));
}

TEST(SileroVadFileTest, SaysWhatIsWrong) {
  const auto missing = SileroVad::Open("/nowhere");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(), HasSubstr("/nowhere/silero_vad_16k.safetensors"));

  std::stringstream whole;
  whole
      << std::ifstream(TestData("silero_vad/silero_vad_16k.safetensors"), std::ios::binary).rdbuf();
  const std::string folder = absl::StrCat(testing::TempDir(), "/silero_vad.", getpid());
  std::filesystem::create_directories(folder);
  const auto open = [&](const std::string& bytes) {
    std::ofstream(absl::StrCat(folder, "/", SileroVad::kFile), std::ios::binary) << bytes;
    return SileroVad::Open(folder).status();
  };
  const std::string bytes = whole.str();
  EXPECT_TRUE(open(bytes).ok());
  for (const size_t cut : {size_t{0}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_EQ(open(bytes.substr(0, cut)).code(), absl::StatusCode::kInvalidArgument) << cut;
  }
  std::string renamed = bytes;
  const size_t name = renamed.find("lstm_cell.bias_hh");
  ASSERT_NE(name, std::string::npos);
  renamed[name] = 'L';
  EXPECT_EQ(open(renamed).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(open(renamed).message(), HasSubstr("lstm_cell.bias_hh"));
  std::filesystem::remove_all(folder);
}

TEST(SpeechSpansTest, ShortPausesDoNotPartAndShortSoundsDoNotCount) {
  const auto spans = [](const std::string& frames) {
    std::vector<float> probabilities;
    for (const char c : frames) probabilities.push_back(c == '#' ? 0.9f : c == '+' ? 0.4f : 0.1f);
    return SpeechSpans(probabilities, SileroVad::kFrame * static_cast<int64_t>(frames.size()));
  };
  using Spans = std::vector<SpeechSpan>;
  constexpr int64_t kFrame = SileroVad::kFrame, kMargin = 480;
  EXPECT_EQ(spans(""), Spans());
  EXPECT_EQ(spans("..+++++++++++++.."), Spans());  // never at 0.5
  EXPECT_EQ(spans("..#######....."), Spans());     // 7 frames are 224 ms
  EXPECT_EQ(spans("..########....."), (Spans{{2 * kFrame - kMargin, 10 * kFrame + kMargin}}));
  EXPECT_EQ(spans("#####....#####......."), (Spans{{0, 14 * kFrame + kMargin}}));
  EXPECT_EQ(spans("#####++++++++++#####"), (Spans{{0, 20 * kFrame}}));
  EXPECT_EQ(spans("##########.....##########"),
            (Spans{{0, 10 * kFrame + kMargin}, {15 * kFrame - kMargin, 25 * kFrame}}));
}

}  // namespace
}  // namespace vidmuse
