// What reduced precision costs: each one's logits against float32's, fed the same tokens. At the
// golden size the weights are random; the demo model is small, but trained.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"
#include "core/video/frame_sampler.h"
#include "vidmuse/limits.h"
#include "vidmuse/sampling_options.h"

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
                                         Bound{"int8", 0.012, 0.96}, Bound{"int4", 0.12, 0.6}),
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

VideoFrames RealVideo(const std::string& name) {
  std::ifstream file(absl::StrCat(VIDMUSE_TEST_DATA "/", name), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  auto video = SampleVideo(bytes, Limits(), 4, CancelFlag());
  EXPECT_TRUE(video.ok()) << video.status();
  return *std::move(video);
}

// Guided logits of a song's first steps, and its tokens: those given, or else the model's own.
std::vector<float> Sing(MusicModel& model, const VideoFrames& video, std::vector<int32_t>* tokens) {
  const auto condition = model.EncodeVideo(video, CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  auto window =
      model.OpenWindow(**condition, 0, (*condition)->local_frames(), kSteps, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  const size_t codebooks = model.info().codebooks, size = codebooks * model.info().card;
  const bool own = tokens->empty();
  if (own) tokens->assign(codebooks, model.info().card);
  tokens->resize((kSteps + 1) * codebooks);
  std::vector<float> logits(kSteps * size);
  const SamplingOptions sampling;
  std::vector<int32_t> drawn(codebooks);
  for (int step = 0; step < kSteps; ++step) {
    StepRequest request;
    request.window = window->get();
    request.tokens = absl::MakeConstSpan(*tokens).subspan(step * codebooks, codebooks);
    request.sampling = &sampling;
    request.frame = step;
    request.next_tokens = drawn.data();
    request.logits = logits.data() + step * size;
    EXPECT_TRUE(model.Step({&request, 1}).ok());
    if (own) std::copy(drawn.begin(), drawn.end(), tokens->begin() + (step + 1) * codebooks);
  }
  return logits;
}

std::vector<double> Softmax(const float* logits, int card) {
  const float peak = *std::max_element(logits, logits + card);
  std::vector<double> p;
  double sum = 0;
  for (int i = 0; i < card; ++i) sum += p.emplace_back(std::exp(double{logits[i]} - peak));
  for (double& value : p) value /= sum;
  return p;
}

// How near some logits are to others, both [draws][card].
struct Nearness {
  double divergence = 0;  // mean KL
  double agreement = 0;   // share of equal largest logits
};

Nearness Compare(const std::vector<float>& exact, const std::vector<float>& logits, int card) {
  const int draws = static_cast<int>(logits.size()) / card;
  Nearness near;
  for (int i = 0; i < draws; ++i) {
    const std::vector<double> p = Softmax(&exact[i * card], card);
    const std::vector<double> q = Softmax(&logits[i * card], card);
    for (int j = 0; j < card; ++j) {
      if (p[j] > 0) near.divergence += p[j] * std::log(p[j] / q[j]) / draws;
    }
    near.agreement += (std::max_element(p.begin(), p.end()) - p.begin() ==
                       std::max_element(q.begin(), q.end()) - q.begin()) /
                      static_cast<double>(draws);
  }
  return near;
}

class DemoPrecisionTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Precisions, DemoPrecisionTest, testing::Values("bf16", "int8"),
                         [](const auto& info) { return std::string(info.param); });

// With weights that were trained and real pictures: what a default precision has to hold over all
// videos together.
TEST_P(DemoPrecisionTest, StaysNearFloat32) {
  ModelOptions options;
  options.model_dir = VIDMUSE_TEST_DATA "/demo";
  options.precision = "fp32";
  const auto exact = LoadModel(options);
  ASSERT_TRUE(exact.ok()) << exact.status();
  options.precision = GetParam();
  const auto reduced = LoadModel(options);
  ASSERT_TRUE(reduced.ok()) << reduced.status();
  Nearness mean;
  constexpr const char* kVideos[] = {"golden/videos/life_7s.mp4", "golden/videos/pattern_4s.mp4",
                                     "golden/videos/zoom_63s.mp4", "demo/clip.mp4"};
  for (const char* name : kVideos) {
    const VideoFrames video = RealVideo(name);
    std::vector<int32_t> tokens;
    const std::vector<float> logits = Sing(**exact, video, &tokens);
    const Nearness near = Compare(logits, Sing(**reduced, video, &tokens), (*exact)->info().card);
    std::printf("%s, %s: mean KL %.3g, greedy agreement %.3f\n", name, GetParam(), near.divergence,
                near.agreement);
    mean.divergence += near.divergence / std::size(kVideos);
    mean.agreement += near.agreement / std::size(kVideos);
    EXPECT_LT(near.divergence, 0.01) << name;
  }
  EXPECT_LT(mean.divergence, 0.005);
  EXPECT_GE(mean.agreement, 0.95);
}

}  // namespace
}  // namespace vidmuse
