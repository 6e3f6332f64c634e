// The code that GPUs run, on the CPU, and on a GPU where there is one, against what the public
// reference computed: logits, greedy tokens and audio, through the whole generator.
#include "tests/support/device_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/generator/generator_impl.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"
#include "core/video/frame_sampler.h"
#include "tests/support/stream_reader.h"
#include "tests/support/test_data.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

constexpr int kCodebooks = 4;
constexpr double kTolerance = 1e-4;

std::string Video(const std::string& name) {
  std::ifstream file(TestData("golden/videos/" + name + ".mp4"), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<MusicModel> Load(const std::string& device) {
  ModelOptions options;
  options.device = device;
  options.device_code = true;
  options.precision = "fp32";
  options.slots = 3;
  auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

struct Case {
  const char* device;
  const char* video;
};

// Why tests can't run on this device; empty: they can.
std::string WhyNot(const std::string& device) {
  return std::string(ChooseDevices(device).status().message());
}

class DeviceModelTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string reason = WhyNot(GetParam().device);
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
  static void SetUpTestSuite() {
    auto file = TensorFile::OpenTorch(TestData("golden/tiny/expected.pt"));
    ASSERT_TRUE(file.ok()) << file.status();
    expected_ = file->release();
  }
  static void TearDownTestSuite() { delete expected_; }

  static const TensorView& Expected(const std::string& name) {
    return expected_->tensors().at(absl::StrCat(GetParam().video, "/", name));
  }
  static double Worst(const std::string& name, const float* values) {
    const TensorView& view = Expected(name);
    const auto* expected = static_cast<const float*>(view.data);
    double worst = 0;
    for (int64_t i = 0; i < view.elements(); ++i) {
      // The negation lets a NaN through to the comparison.
      const double difference = std::abs(double{values[i]} - expected[i]);
      if (!(difference <= worst)) worst = difference;
    }
    return worst;
  }

  static const TensorFile* expected_;
};

const TensorFile* DeviceModelTest::expected_ = nullptr;

INSTANTIATE_TEST_SUITE_P(Videos, DeviceModelTest,
                         testing::Values(Case{"cpu", "pattern_4s"}, Case{"cpu", "life_7s"},
                                         Case{"cpu", "zoom_63s"}, Case{"cuda:0", "pattern_4s"},
                                         Case{"cuda:0", "life_7s"}, Case{"cuda:0", "zoom_63s"}),
                         [](const auto& info) {
                           const std::string device(info.param.device, 0, 4);
                           return (device == "cuda" ? "Gpu_" : "Cpu_") +
                                  std::string(info.param.video);
                         });

TEST_P(DeviceModelTest, LogitsAreTheReferences) {
  const auto model = Load(GetParam().device);
  const int card = model->info().card, steps = 28;
  const auto frames = SampleVideo(Video(GetParam().video), Limits(), 0, CancelFlag());
  ASSERT_TRUE(frames.ok()) << frames.status();
  const auto condition = model->EncodeVideo(*frames, CancelFlag());
  ASSERT_TRUE(condition.ok()) << condition.status();
  // With a coefficient of 0, guided logits are the null row's; with 1, the conditional row's.
  for (const auto& [name, coef] : {std::pair{"logits_null", 0.0f}, {"logits_cond", 1.0f}}) {
    const auto window = model->OpenWindow(
        **condition, 0, std::min(60, (*condition)->local_frames()), steps, CancelFlag());
    ASSERT_TRUE(window.ok()) << window.status();
    std::vector<float> logits(size_t{kCodebooks} * steps * card), step_logits(kCodebooks * card);
    SamplingOptions sampling;
    sampling.greedy = true;
    sampling.cfg_coef = coef;
    for (int step = 0; step < steps; ++step) {
      std::vector<int32_t> tokens(kCodebooks, card), drawn(kCodebooks);
      for (int k = 0; k < kCodebooks; ++k) {
        const int frame = step - 1 - k;
        if (frame < 0 || frame >= 24) continue;
        tokens[k] = static_cast<int32_t>(HashUniform(Fnv1a64("tiny:codes"), k * 24 + frame) *
                                         static_cast<float>(card));
      }
      StepRequest request;
      request.window = window->get();
      request.tokens = tokens;
      request.sampling = &sampling;
      request.next_tokens = drawn.data();
      request.logits = step_logits.data();
      ASSERT_EQ(model->Step({&request, 1}), absl::OkStatus());
      for (int k = 0; k < kCodebooks; ++k) {
        std::copy_n(&step_logits[k * card], card, &logits[(k * steps + step) * card]);
      }
    }
    EXPECT_LT(Worst(name, logits.data()), kTolerance) << name;
  }
}

TEST_P(DeviceModelTest, GreedySongsAreTheReferences) {
  NullMetricsSink metrics;
  GeneratorOptions options;
  options.limits.max_batch = 3;
  auto generator = NewGenerator(Load(GetParam().device), OpeningComplete(OpenVideo), options,
                                Clock::Real(), &metrics);
  ASSERT_TRUE(generator.ok()) << generator.status();
  GenerationRequest request;
  request.sampling.greedy = true;
  request.format = AudioFormat::kPcmF32le;
  request.loudness = LoudnessMode::kNone;
  request.return_tokens = true;
  auto stream = (*generator)->Submit(request);
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->AppendVideo(Video(GetParam().video)).ok());
  ASSERT_TRUE((*stream)->FinishVideo().ok());
  const ReadSong song = ReadToEnd(**stream, absl::Minutes(4));
  stream->reset();
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();

  const TensorView& view = Expected("greedy_tokens");
  const auto* tokens = static_cast<const int16_t*>(view.data);
  const size_t frames = view.elements() / kCodebooks;
  ASSERT_EQ(song.tokens.size(), frames * kCodebooks);
  for (size_t frame = 0; frame < frames; ++frame) {
    for (size_t k = 0; k < kCodebooks; ++k) {
      ASSERT_EQ(song.tokens[frame * kCodebooks + k], tokens[k * frames + frame]) << frame;
    }
  }
  std::vector<float> audio(song.bytes.size() / sizeof(float));
  std::memcpy(audio.data(), song.bytes.data(), song.bytes.size());
  ASSERT_EQ(audio.size(), frames * 640);
  EXPECT_LT(Worst("audio_head", audio.data()), kTolerance);
  const int64_t tail = Expected("audio_tail").elements();
  EXPECT_LT(Worst("audio_tail", audio.data() + audio.size() - tail), kTolerance);
}

// Its CLIP tower is narrower than a published one.
class DemoModelOnADeviceTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Devices, DemoModelOnADeviceTest, testing::Values("cpu", "cuda:0"),
                         [](const auto& info) {
                           return std::string(info.index == 0 ? "Cpu" : "Gpu");
                         });

TEST_P(DemoModelOnADeviceTest, MakesTheCpuModelsTokens) {
  const std::string reason = WhyNot(GetParam());
  if (!reason.empty()) GTEST_SKIP() << reason;
  constexpr int kSteps = 150;
  std::ifstream file(TestData("demo/clip.mp4"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto frames = SampleVideo(bytes, Limits(), 0, CancelFlag());
  ASSERT_TRUE(frames.ok()) << frames.status();
  DeviceSong songs[2];
  for (const bool device_code : {false, true}) {
    ModelOptions options;
    options.model_dir = TestData("demo");
    options.precision = "fp32";
    options.device = device_code ? GetParam() : "cpu";
    options.device_code = device_code;
    const auto model = LoadModel(options);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto condition = (*model)->EncodeVideo(*frames, CancelFlag());
    ASSERT_TRUE(condition.ok()) << condition.status();
    DeviceSong& song = songs[device_code];
    song.sampling.greedy = true;
    song.sampling.cfg_coef = (*model)->info().default_cfg_coef;
    auto window =
        (*model)->OpenWindow(**condition, 0, (*condition)->local_frames(), kSteps, CancelFlag());
    ASSERT_TRUE(window.ok()) << window.status();
    song.window = *std::move(window);
    for (int step = 0; step < kSteps; ++step) {
      ASSERT_EQ(StepSongs(**model, {&song}), absl::OkStatus());
    }
    song.window.reset();
  }
  EXPECT_EQ(songs[0].drawn, songs[1].drawn);
  double worst = 0;
  ASSERT_EQ(songs[0].logits.size(), songs[1].logits.size());
  for (size_t i = 0; i < songs[0].logits.size(); ++i) {
    worst = std::max(worst, std::abs(double{songs[0].logits[i]} - songs[1].logits[i]));
  }
  EXPECT_LT(worst, 1e-3);
}

}  // namespace
}  // namespace vidmuse
