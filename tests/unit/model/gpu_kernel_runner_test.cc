// Decoding steps by the GPU's kernels, which run on the host here, in the model that GPUs run.
#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/gpu/kernel_runner.h"
#include "core/model/gpu/music_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"
#include "tests/unit/model/gpu_kernels_test_util.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr int kSlots = 4;
constexpr int kSteps = 6;
constexpr int kCodebooks = 4;

class HostStepKernels : public gpu::StepKernels {
 public:
  void Queue(const gpu::TokenStep& step, int requests) override {
    gpu::HostLauncher launcher(step.format);
    gpu::LaunchTokenStep(step, requests, launcher);
  }
};

HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.seed = "kernels";
  sizes.dim = 256;
  sizes.num_heads = 4;
  sizes.num_layers = 1;
  sizes.card = sizes.codec_bins = 64;
  return sizes;
}

const HashFiles& Files() {
  static const auto* files = new HashFiles(Sizes());
  return *files;
}

std::unique_ptr<GpuMusicModel> Load(StepKernelsMaker kernels,
                                    DevicePrecision precision = DevicePrecision::kFp16) {
  GpuModelOptions options;
  options.precision = precision;
  options.slots = kSlots;
  options.steps.kernels = std::move(kernels);
  auto model = LoadDeviceModel(Files(), "cpu", std::move(options));
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

StepKernelsMaker OnHost() {
  return [] { return std::make_unique<HostStepKernels>(); };
}

std::shared_ptr<const VideoCondition> Encode(MusicModel& model) {
  auto condition = model.EncodeVideo(GreyVideo(3, 250), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  return *std::move(condition);
}

// Song i is the same whenever it is made.
DeviceSong MakeSong(MusicModel& model, const VideoCondition& condition, int i, int steps = kSteps) {
  DeviceSong song;
  song.sampling.seed = 1000 + i;
  song.sampling.greedy = i == 1;
  song.sampling.top_p = i == 2 ? 0.9f : 0.0f;
  song.sampling.top_k = 20;
  auto window = model.OpenWindow(condition, i % 4, 1 + i % 3, steps, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  if (window.ok()) song.window = *std::move(window);
  return song;
}

DeviceSong Alone(MusicModel& model, const VideoCondition& condition, int i) {
  DeviceSong song = MakeSong(model, condition, i);
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_EQ(StepSongs(model, {&song}), absl::OkStatus());
  }
  song.window = nullptr;
  return song;
}

class KernelRunnerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = Load(OnHost()).release();
    condition_ = new auto(Encode(*model_));
  }
  static void TearDownTestSuite() {
    delete condition_;
    delete model_;
  }

  static GpuMusicModel* model_;
  static std::shared_ptr<const VideoCondition>* condition_;
};

GpuMusicModel* KernelRunnerTest::model_ = nullptr;
std::shared_ptr<const VideoCondition>* KernelRunnerTest::condition_ = nullptr;

TEST_F(KernelRunnerTest, LogitsAreNearLibTorchs) {
  EXPECT_TRUE(model_->info().step_kernels) << model_->notice();
  const auto torch = Load(nullptr);
  EXPECT_FALSE(torch->info().step_kernels);
  const DeviceSong expected = Alone(*torch, *Encode(*torch), 1);
  const DeviceSong song = Alone(*model_, **condition_, 1);
  ASSERT_EQ(song.drawn, expected.drawn);  // greedy
  double worst = 0, largest = 0;
  for (size_t i = 0; i < song.logits.size(); ++i) {
    worst = std::max(worst, std::abs(double{song.logits[i]} - expected.logits[i]));
    largest = std::max(largest, std::abs(double{expected.logits[i]}));
  }
  EXPECT_LT(worst, 5e-3 * largest);
}

TEST_F(KernelRunnerTest, SlotsBucketsAndCompanyChangeNothing) {
  std::vector<DeviceSong> alone;
  for (int i = 0; i < kSlots; ++i) alone.push_back(Alone(*model_, **condition_, i));
  EXPECT_NE(alone[0].drawn, alone[3].drawn);
  // Taken from the back, so that each song lives in another slot than alone.
  std::vector<DeviceSong> together(kSlots);
  for (int i = kSlots - 1; i >= 0; --i) together[i] = MakeSong(*model_, **condition_, i);
  for (int step = 0; step < kSteps + kSlots; ++step) {  // song i joins at step i
    std::vector<DeviceSong*> batch;
    for (int i = 0; i < kSlots; ++i) {
      if (step >= i && together[i].window->length() < kSteps) batch.push_back(&together[i]);
    }
    if (step % 2) std::reverse(batch.begin(), batch.end());
    if (batch.empty()) continue;
    ASSERT_EQ(StepSongs(*model_, batch), absl::OkStatus());
  }
  for (int i = 0; i < kSlots; ++i) {
    EXPECT_EQ(together[i].drawn, alone[i].drawn) << "song " << i;
    EXPECT_EQ(together[i].logits, alone[i].logits) << "song " << i;
  }
}

// More steps than a launch has entries, so the last launch holds a part of the prompt.
TEST_F(KernelRunnerTest, APromptMayBeFedAtOnceOrInParts) {
  constexpr int kPrompt = gpu::KernelRunner::kEntries + 6;
  std::vector<int32_t> prompt(kPrompt * kCodebooks);
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int32_t>(37 * i % 64);
  std::vector<std::vector<float>> logits;
  for (const std::vector<int>& pieces : {std::vector<int>{kPrompt}, {1, kPrompt - 3, 2}}) {
    DeviceSong again = MakeSong(*model_, **condition_, 2, kPrompt);
    DeviceSong other = MakeSong(*model_, **condition_, 3, kPrompt);  // steps beside it
    other.fed.assign(kCodebooks, 64);
    logits.emplace_back(kCodebooks * 64);
    int fed = 0;
    for (const int piece : pieces) {
      std::vector<StepRequest> requests(2);
      requests[0].window = again.window.get();
      requests[0].tokens =
          absl::MakeConstSpan(prompt).subspan(fed * kCodebooks, piece * kCodebooks);
      requests[0].logits = logits.back().data();
      requests[1].window = other.window.get();
      requests[1].tokens = other.fed;
      ASSERT_EQ(model_->Step(absl::MakeSpan(requests)), absl::OkStatus());
      fed += piece;
      EXPECT_EQ(again.window->length(), fed);
    }
  }
  EXPECT_EQ(logits[0], logits[1]);
}

// Only small launches are computed, which is all that the check needs.
class SmallStepKernels final : public HostStepKernels {
 public:
  void Queue(const gpu::TokenStep& step, int requests) override {
    if (requests <= 8) HostStepKernels::Queue(step, requests);
  }
};

TEST_F(KernelRunnerTest, EachBucketIsRecorded) {
  GpuModelOptions options;
  options.slots = 1;
  options.steps.kernels = [] { return std::make_unique<SmallStepKernels>(); };
  int recorded = 0;
  options.steps.graph = [&] {
    ++recorded;
    return NewEagerGraph();
  };
  const auto model = LoadDeviceModel(Files(), "cpu", std::move(options));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().step_graphs, recorded);
  EXPECT_EQ(recorded, 12);  // 1, 2, 4, 8, 16, 32, 48, ... 128
}

// Kernels of a driver or card that computes something else.
class WrongStepKernels final : public HostStepKernels {
 public:
  void Queue(const gpu::TokenStep& step, int requests) override {
    HostStepKernels::Queue(step, requests);
    for (int i = 0; i < step.codebooks * step.card; ++i) step.guided[i] *= 1.1f;
  }
};

TEST_F(KernelRunnerTest, KernelsThatDifferAreNotUsed) {
  const auto torch = Load(nullptr);
  const auto condition = Encode(*torch);
  const DeviceSong expected = Alone(*torch, *condition, 0);
  const auto refused = [&](StepKernelsMaker kernels, const char* why) {
    const auto model = Load(std::move(kernels));
    EXPECT_FALSE(model->info().step_kernels);
    EXPECT_THAT(model->notice(), HasSubstr(why));
    EXPECT_EQ(Alone(*model, *condition, 0).logits, expected.logits);
  };
  refused([] { return std::make_unique<WrongStepKernels>(); }, "differ from LibTorch");
  refused([]() -> std::unique_ptr<gpu::StepKernels> { throw std::runtime_error("no such file"); },
          "no such file");
}

TEST_F(KernelRunnerTest, ModelsThatTheKernelsDontSupportGoWithout) {
  const auto exact = Load(OnHost(), DevicePrecision::kFp32);
  EXPECT_FALSE(exact->info().step_kernels);
  EXPECT_THAT(exact->notice(), HasSubstr("fp32"));
  GpuModelOptions options;
  options.slots = 1;
  options.steps.kernels = OnHost();
  const auto narrow = LoadDeviceModel(HashModelSizes(), "cpu", std::move(options));
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_FALSE((*narrow)->info().step_kernels);
  EXPECT_THAT((*narrow)->notice(), HasSubstr("sizes"));
}

}  // namespace
}  // namespace vidmuse
