// What only a GPU can show: it computes what the CPU does, graphs do what steps do, and company
// changes nothing within a bucket. Skipped, with the reason, on hosts without.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/model/self_test.h"
#include "core/model/torch/cuda_devices.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

constexpr int kSteps = 12;
constexpr int kSongs = 5;

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto choice = ChooseDevices("cuda");
    if (!choice.ok()) GTEST_SKIP() << choice.status().message();
    device_ = choice->devices[0];
  }

  std::unique_ptr<TorchMusicModel> Load(const std::string& device, DevicePrecision precision,
                                        const StepGraphMaker& make_graph,
                                        std::vector<int> buckets = {}) const {
    TorchModelOptions options;
    options.precision = precision;
    options.make_graph = make_graph;
    options.buckets = std::move(buckets);
    auto model = LoadDeviceModel({}, device, std::move(options));
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  static DeviceSong MakeSong(MusicModel& model, const VideoCondition& condition, int i) {
    DeviceSong song;
    song.sampling.seed = 1000 + i;
    song.sampling.greedy = i == 3;
    song.sampling.top_p = i == 4 ? 0.9f : 0.0f;
    auto window = model.OpenWindow(condition, i % 4, 1 + i % 3, kSteps, CancelFlag());
    EXPECT_TRUE(window.ok()) << window.status();
    song.window = *std::move(window);
    return song;
  }

  static std::shared_ptr<const VideoCondition> Encode(MusicModel& model) {
    auto condition = model.EncodeVideo(GreyVideo(3, 250), CancelFlag());
    EXPECT_TRUE(condition.ok()) << condition.status();
    return *std::move(condition);
  }

  // Each song alone, in slot 0.
  static std::vector<DeviceSong> Alone(MusicModel& model) {
    const auto condition = Encode(model);
    std::vector<DeviceSong> songs;
    for (int i = 0; i < kSongs; ++i) {
      songs.push_back(MakeSong(model, *condition, i));
      for (int step = 0; step < kSteps; ++step) {
        EXPECT_EQ(StepSongs(model, {&songs.back()}), absl::OkStatus());
      }
      songs.back().window = nullptr;
    }
    return songs;
  }

  std::string device_;
};

TEST_F(GpuTest, PassesTheSelfTest) {
  for (const char* precision : {"fp32", "fp16", "bf16"}) {
    const absl::Status status = SelfTestDevices(
        "cuda", precision, [](const std::string& line) { printf("%s\n", line.c_str()); });
    EXPECT_EQ(status, absl::OkStatus()) << precision;
  }
}

TEST_F(GpuTest, LogitsAndTokensAreTheCpus) {
  const auto expected = Alone(*Load("cpu", DevicePrecision::kFp32, nullptr));
  const auto songs = Alone(*Load(device_, DevicePrecision::kFp32, CudaGraphMaker()));
  for (int i = 0; i < kSongs; ++i) {
    double worst = 0;
    for (size_t j = 0; j < songs[i].logits.size(); ++j) {
      worst = std::max(worst, std::abs(double{songs[i].logits[j]} - expected[i].logits[j]));
    }
    EXPECT_EQ(songs[i].drawn, expected[i].drawn) << i;
    EXPECT_LT(worst, 1e-3) << i;
  }
}

TEST_F(GpuTest, GraphsDoWhatStepsDo) {
  for (const auto precision : {DevicePrecision::kFp32, DevicePrecision::kFp16}) {
    const auto graphs = Load(device_, precision, CudaGraphMaker());
    EXPECT_EQ(graphs->info().step_graphs, 4) << graphs->notice();  // 1, 2, 4, 8
    const auto expected = Alone(*Load(device_, precision, nullptr));
    const auto songs = Alone(*graphs);
    for (int i = 0; i < kSongs; ++i) EXPECT_EQ(songs[i].logits, expected[i].logits) << i;
  }
}

TEST_F(GpuTest, CompanyChangesNothingWithinABucket) {
  const auto model = Load(device_, DevicePrecision::kFp16, CudaGraphMaker(), {8});
  const auto alone = Alone(*model);
  const auto condition = Encode(*model);
  std::vector<DeviceSong> together(kSongs);
  for (int i = kSongs - 1; i >= 0; --i) together[i] = MakeSong(*model, *condition, i);
  for (int step = 0; step < kSteps + kSongs; ++step) {  // song i joins at step i
    std::vector<DeviceSong*> batch;
    for (int i = 0; i < kSongs; ++i) {
      if (step >= i && together[i].window->length() < kSteps) batch.push_back(&together[i]);
    }
    ASSERT_EQ(StepSongs(*model, batch), absl::OkStatus());
  }
  for (int i = 0; i < kSongs; ++i) {
    EXPECT_EQ(together[i].drawn, alone[i].drawn) << i;
    EXPECT_EQ(together[i].logits, alone[i].logits) << i;
  }
}

}  // namespace
}  // namespace vidmuse
