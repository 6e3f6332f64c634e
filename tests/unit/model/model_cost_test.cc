// The cost model against the tensors that the model holds.
#include "tests/bench/model_cost.h"

#include <memory>
#include <string>

#include "core/model/conditioner/device_video_networks.h"
#include "core/model/synthetic/hash_model.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"

namespace vidmuse {
namespace {

HashModelSizes Uneven() {
  HashModelSizes sizes;
  sizes.dim = 96;
  sizes.num_heads = 3;
  sizes.num_layers = 3;
  sizes.hidden_scale = 2;
  sizes.card = sizes.codec_bins = 100;
  sizes.clip_layers = 2;
  sizes.clip_mlp = 200;
  sizes.codec_dimension = 24;
  sizes.codec_filters = 8;
  return sizes;
}

ModelSizes SizesOf(const HashModelSizes& hash) {
  ModelSizes sizes;
  sizes.lm = *ParseLmConfig(HashLmFile(hash)->strings().at("xp.cfg"));
  sizes.codec = *ParseAudiocraftCodecConfig(HashCodecFile(hash)->strings().at("xp.cfg"));
  sizes.clip_layers = hash.clip_layers;
  sizes.clip_mlp = hash.clip_mlp;
  return sizes;
}

TEST(ModelCostTest, CountsWhatTheModelHolds) {
  for (const HashModelSizes& hash : {HashModelSizes(), Uneven()}) {
    const ModelSizes sizes = SizesOf(hash);
    for (const DevicePrecision precision :
         {DevicePrecision::kFp32, DevicePrecision::kFp16, DevicePrecision::kBf16}) {
      GpuModelOptions options;
      options.precision = precision;
      options.slots = 2;
      const auto model = LoadDeviceModel(hash, "cpu", options);
      ASSERT_TRUE(model.ok()) << model.status();
      const gpu::TokenModelBytes bytes = (*model)->network().bytes();
      const int steps = (*model)->network().options().steps;
      const double position = KeyValue(sizes.lm, precision).bytes;
      EXPECT_EQ(bytes.weights, StepWeights(sizes.lm, precision).bytes);
      EXPECT_EQ(bytes.slot_self + bytes.slot_condition, StaticPositions(steps, 3000) * position);
      EXPECT_EQ(bytes.null_condition, 50 * position);
      EXPECT_EQ(bytes.weights + 3 * (bytes.slot_self + bytes.slot_condition) + bytes.null_condition,
                Step(sizes.lm, precision, 3, StaticPositions(steps, 3000)).bytes);
      EXPECT_EQ((*model)->codec().weight_bytes(), CodecWeightBytes(sizes.codec));
    }
  }
}

TEST(ModelCostTest, CountsTheConditioner) {
  for (const HashModelSizes& hash : {HashModelSizes(), Uneven()}) {
    const auto file = HashLmFile(hash);
    WeightReader weights(file.get(), "best_state/");
    DeviceReader reader(&weights, "cpu");
    auto stream = DeviceStream::Create("cpu", DeviceStream::Priority::kNormal);
    ASSERT_TRUE(stream.ok()) << stream.status();
    const std::shared_ptr<DeviceStream> shared = *std::move(stream);
    size_t bytes = 0;
    const absl::Status loaded = shared->Run(
        [&] { return LoadDeviceVideoNetworks(SizesOf(hash).lm, reader, shared, &bytes).status(); });
    ASSERT_TRUE(loaded.ok()) << loaded;
    EXPECT_EQ(bytes, VideoWeightBytes(SizesOf(hash)));
  }
}

TEST(ModelCostTest, PublishedSmallOnAnH200) {
  const LmConfig small;  // 1024 wide, 24 layers
  const Cost weights = StepWeights(small, DevicePrecision::kFp16);
  EXPECT_NEAR(1e3 * LeastSeconds(weights, kH200, true), 0.154, 0.001);
  const Cost step = Step(small, DevicePrecision::kFp16, 8, StaticPositions(1504, 3000));
  EXPECT_GT(LeastSeconds(step, kH200, true), LeastSeconds(weights, kH200, true));
  EXPECT_LT(LeastSeconds(step, kH200, true), LeastSeconds(step, kH100, true));
}

}  // namespace
}  // namespace vidmuse
