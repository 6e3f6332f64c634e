// The token model that GPUs run, on the CPU, as its tensors show it; and Torch's warnings.
#include <ATen/ATen.h>

#include "core/model/load_model.h"
#include "core/model/torch/run_torch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"

namespace vidmuse {
namespace {

HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.dim = 48;
  sizes.num_heads = 3;
  return sizes;
}

std::shared_ptr<const VideoCondition> Encode(MusicModel& model) {
  auto condition = model.EncodeVideo(GreyVideo(1, 250), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  return *std::move(condition);
}

DeviceSong NewSong(MusicModel& model, const VideoCondition& condition, int steps) {
  DeviceSong song;
  auto window = model.OpenWindow(condition, 0, 2, steps, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  song.window = *std::move(window);
  return song;
}

// A window may be opened while a step runs that still counts its slot as idle.
TEST(GpuTokenModelTest, IdleSlotsAreNotWrittenTo) {
  constexpr int kSlots = 4;
  GpuModelOptions options;
  options.precision = DevicePrecision::kFp32;
  options.slots = kSlots;
  const auto model = LoadDeviceModel(Sizes(), "cpu", std::move(options));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto condition = Encode(**model);
  std::vector<DeviceSong> songs;
  for (int i = 0; i < kSlots; ++i) songs.push_back(NewSong(**model, *condition, 8));
  for (int step = 0; step < 2; ++step) {
    ASSERT_EQ(StepSongs(**model, {&songs[1], &songs[3]}), absl::OkStatus());
  }
  const gpu::TokenModel& network = (*model)->network();
  for (int layer = 0; layer < network.config().num_layers; ++layer) {
    for (int part = 0; part < 2; ++part) {
      for (int slot = 0; slot < kSlots; ++slot) {
        const at::Tensor places = network.SlotSelf(layer, part, slot).ne(0).any(1);
        // Two steps of two rows of three heads.
        EXPECT_EQ(places.sum().item<int64_t>(), slot % 2 == 1 ? 12 : 0) << layer << " " << slot;
      }
    }
  }
}

// Wider keys than are used, all parts of them, and heads that no fused kernel takes.
TEST(GpuTokenModelTest, LogitsAreTheCpuModels) {
  for (const int heads : {3, 4}) {
    HashModelSizes sizes = Sizes();
    sizes.num_heads = heads;  // of 16, of 12
    constexpr int kSteps = 260;
    std::vector<float> logits[2];
    for (const bool device_code : {false, true}) {
      ModelOptions options;
      options.precision = "fp32";
      options.device_code = device_code;
      options.slots = 1;
      const auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), options);
      ASSERT_TRUE(model.ok()) << model.status();
      DeviceSong song = NewSong(**model, *Encode(**model), kSteps);
      song.sampling.greedy = true;
      for (int step = 0; step < kSteps; ++step) {
        ASSERT_EQ(StepSongs(**model, {&song}), absl::OkStatus());
      }
      logits[device_code] = song.logits;
    }
    double worst = 0;
    for (size_t i = 0; i < logits[0].size(); ++i) {
      worst = std::max(worst, std::abs(double{logits[1][i]} - logits[0][i]));
    }
    EXPECT_LT(worst, 1e-3) << heads;
  }
}

TEST(RunTorchTest, WarningsAreLinesOfTheirOwnAndComeOnce) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(RunTorch([] {
                TORCH_WARN("the moon is made of cheese");
                return absl::OkStatus();
              }),
              absl::OkStatus());
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "torch warns: the moon is made of cheese\n");
}

}  // namespace
}  // namespace vidmuse
