// What reduced precision costs, at the golden size: each one's logits against float32's, fed the
// same tokens. Random weights, so this says nothing of how it sounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {
namespace {

constexpr int kSteps = 60;
constexpr int kCodebooks = 4;
constexpr int kCard = 64;

std::unique_ptr<MusicModel> Load(const std::string& precision) {
  ModelOptions options;
  options.precision = precision;
  auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), options);
  EXPECT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().precision, precision);
  return *std::move(model);
}

// 12 local frames: gradients, each at another place.
VideoFrames Video() {
  VideoFrames video;
  video.seconds = 6;
  for (int i = 0; i < 12; ++i) {
    std::vector<uint8_t> frame(3 * kFrameSize * kFrameSize);
    for (size_t j = 0; j < frame.size(); ++j) frame[j] = static_cast<uint8_t>(j / 97 + 20 * i);
    video.frames.push_back(std::move(frame));
    video.local.push_back(i);
  }
  for (int i = 0; i < kGlobalFrames; ++i) video.global.push_back(i % 12);
  return video;
}

std::vector<int32_t> Tokens() {
  std::vector<int32_t> tokens;
  for (int i = 0; i < kSteps * kCodebooks; ++i) {
    tokens.push_back(static_cast<int32_t>(HashUniform(Fnv1a64("precision"), i) * kCard));
  }
  return tokens;
}

std::unique_ptr<Window> Open(MusicModel& model) {
  const auto condition = model.EncodeVideo(Video(), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  auto window = model.OpenWindow(**condition, 0, 12, kSteps, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  return *std::move(window);
}

// Guided logits [codebooks][card] after feeding `count` steps from `step` on.
std::vector<float> Feed(MusicModel& model, Window& window, const std::vector<int32_t>& tokens,
                        int step, int count) {
  std::vector<float> logits(kCodebooks * kCard);
  StepRequest request;
  request.window = &window;
  request.tokens = absl::MakeConstSpan(tokens).subspan(step * kCodebooks, count * kCodebooks);
  request.logits = logits.data();
  const absl::Status status = model.Step({&request, 1});
  EXPECT_TRUE(status.ok()) << status;
  return logits;
}

// One step at a time: [steps][codebooks][card].
std::vector<float> Logits(MusicModel& model) {
  const std::unique_ptr<Window> window = Open(model);
  const std::vector<int32_t> tokens = Tokens();
  std::vector<float> all;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<float> logits = Feed(model, *window, tokens, step, 1);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

struct Bound {
  const char* precision;
  double relative_error;    // rms of the difference / rms of float32's logits
  double greedy_agreement;  // share of equal largest logits
};

class PrecisionTest : public testing::TestWithParam<Bound> {};

INSTANTIATE_TEST_SUITE_P(Precisions, PrecisionTest,
                         // bf16 has keys and values in int8, and a video encoded in bfloat16.
                         testing::Values(Bound{"bf16", 0.006, 0.97}, Bound{"fp16", 0.0001, 0.99},
                                         Bound{"int8", 0.012, 0.96}),
                         [](const auto& info) { return std::string(info.param.precision); });

TEST_P(PrecisionTest, IsCloseToFloat32) {
  const std::vector<float> exact = Logits(*Load("fp32"));
  const std::vector<float> reduced = Logits(*Load(GetParam().precision));
  double error = 0, size = 0;
  int agree = 0;
  for (size_t i = 0; i < exact.size(); i += kCard) {
    for (size_t j = i; j < i + kCard; ++j) {
      error += (double{reduced[j]} - exact[j]) * (double{reduced[j]} - exact[j]);
      size += double{exact[j]} * exact[j];
    }
    const auto best = [i](const std::vector<float>& logits) {
      return std::max_element(&logits[i], &logits[i] + kCard) - &logits[i];
    };
    agree += best(exact) == best(reduced);
  }
  EXPECT_LT(std::sqrt(error / size), GetParam().relative_error);
  EXPECT_GT(std::sqrt(error / size), 0);  // it is another precision
  EXPECT_GT(double{1} * agree / (kSteps * kCodebooks), GetParam().greedy_agreement);
}

TEST_P(PrecisionTest, ManyStepsAtOnceEqualOneByOne) {
  const std::unique_ptr<MusicModel> model = Load(GetParam().precision);
  const std::vector<float> one_by_one = Logits(*model);
  const std::vector<int32_t> tokens = Tokens();
  const std::unique_ptr<Window> window = Open(*model);
  int step = 0;
  for (const int count : {23, 1, 7, 29}) {
    const std::vector<float> logits = Feed(*model, *window, tokens, step, count);
    step += count;
    ASSERT_TRUE(std::equal(logits.begin(), logits.end(),
                           one_by_one.begin() + (step - 1) * kCodebooks * kCard))
        << "step " << step;
  }
  EXPECT_EQ(step, kSteps);
}

}  // namespace
}  // namespace vidmuse
