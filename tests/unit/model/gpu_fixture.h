// For tests that need a GPU: they are skipped, with the reason, on hosts without.
#ifndef VIDMUSE_TESTS_UNIT_MODEL_GPU_FIXTURE_H_
#define VIDMUSE_TESTS_UNIT_MODEL_GPU_FIXTURE_H_

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/gpu/cuda_devices.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"

namespace vidmuse {

class GpuTest : public testing::Test {
 protected:
  static constexpr int kSteps = 12;
  static constexpr int kSongs = 5;

  void SetUp() override {
    const auto choice = ChooseDevices("cuda");
    if (!choice.ok()) GTEST_SKIP() << choice.status().message();
    device_ = choice->devices[0];
  }

  static std::unique_ptr<GpuMusicModel> Load(const HashFiles& files, const std::string& device,
                                             DevicePrecision precision,
                                             const StepGraphMaker& make_graph,
                                             std::vector<int> buckets = {}, int slots = 8,
                                             const StepKernelsMaker& kernels = nullptr) {
    GpuModelOptions options;
    options.steps.kernels = kernels;
    options.precision = precision;
    options.slots = slots;
    options.steps.graph = make_graph;
    options.steps.buckets = std::move(buckets);
    auto model = LoadDeviceModel(files, device, std::move(options));
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  // Of tiny sizes.
  static std::unique_ptr<GpuMusicModel> Load(const std::string& device, DevicePrecision precision,
                                             const StepGraphMaker& make_graph,
                                             std::vector<int> buckets = {}) {
    return Load(HashFiles({}), device, precision, make_graph, std::move(buckets));
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

  // All songs at once, song i from step i on, in slots in the reverse order.
  static std::vector<DeviceSong> Together(MusicModel& model) {
    const auto condition = Encode(model);
    std::vector<DeviceSong> songs(kSongs);
    for (int i = kSongs - 1; i >= 0; --i) songs[i] = MakeSong(model, *condition, i);
    for (int step = 0; step < kSteps + kSongs; ++step) {
      std::vector<DeviceSong*> batch;
      for (int i = 0; i < kSongs; ++i) {
        if (step >= i && songs[i].window->length() < kSteps) batch.push_back(&songs[i]);
      }
      if (batch.empty()) continue;
      EXPECT_EQ(StepSongs(model, batch), absl::OkStatus());
    }
    for (DeviceSong& song : songs) song.window = nullptr;
    return songs;
  }

  static void ExpectEqual(const std::vector<DeviceSong>& songs,
                          const std::vector<DeviceSong>& expected) {
    for (int i = 0; i < kSongs; ++i) {
      EXPECT_EQ(songs[i].drawn, expected[i].drawn) << i;
      EXPECT_EQ(songs[i].logits, expected[i].logits) << i;
    }
  }

  // The largest difference, in parts of the largest number expected.
  static double Off(const std::vector<float>& values, const std::vector<float>& expected) {
    double worst = 0, largest = 0;
    EXPECT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < std::min(values.size(), expected.size()); ++i) {
      const double difference = std::abs(double{values[i]} - expected[i]);
      if (!(difference <= worst)) worst = difference;  // a NaN too
      largest = std::max(largest, std::abs(double{expected[i]}));
    }
    return worst / largest;
  }

  std::string device_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_MODEL_GPU_FIXTURE_H_
