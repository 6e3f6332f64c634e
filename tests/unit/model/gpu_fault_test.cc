// What becomes of a GPU's model when a graph can't be recorded, or memory is short. Skipped, with
// the reason, on hosts without.
#include <ATen/ATen.h>

#include "core/model/torch/device_stream.h"
#include "tests/unit/model/gpu_fixture.h"

namespace vidmuse {
namespace {

class GpuFaultTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    auto stream = DeviceStream::Create(device_, DeviceStream::Priority::kNormal);
    ASSERT_TRUE(stream.ok()) << stream.status();
    stream_ = *std::move(stream);
  }

  // Takes and gives back nearly all of the card's memory, which the allocator can only do if it may
  // return what it keeps.
  absl::Status UseWholeCard() {
    return stream_->Run([&] {
      absl::StatusOr<DeviceMemory> memory = MemoryOf(device_);
      if (!memory.ok()) return memory.status();
      const auto bytes = static_cast<int64_t>(memory->free / 10 * 6);
      for (const int64_t size : {bytes - (int64_t{1} << 30), bytes}) {
        at::empty({size}, at::TensorOptions(at::kByte).device(at::Device(device_)));
      }
      return absl::OkStatus();
    });
  }

  std::unique_ptr<DeviceStream> stream_;
};

TEST_F(GpuFaultTest, AFailedRecordingLeavesTheAllocatorAsItWas) {
  const auto record = [&] {
    return stream_->Run([&] {
      const std::unique_ptr<StepGraph> graph = CudaGraphMaker()();
      const auto options = at::TensorOptions(at::kFloat).device(at::Device(device_));
      graph->Record(
          [&] {
            const at::Tensor sum = at::ones({1 << 20}, options).sum();
            static_cast<void>(sum.item<float>());  // waits for the device, which a recording can't
          },
          nullptr);
      return absl::OkStatus();
    });
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(record().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(UseWholeCard(), absl::OkStatus());
  }
  // Graphs can be recorded again, and steps run.
  const auto model = Load(device_, DevicePrecision::kFp16, CudaGraphMaker());
  EXPECT_EQ(model->info().step_graphs, 4) << model->notice();
  ExpectEqual(Alone(*model), Alone(*Load(device_, DevicePrecision::kFp16, nullptr)));
}

TEST_F(GpuFaultTest, StepsGoOnAfterMemoryWasShort) {
  const auto model = Load(device_, DevicePrecision::kFp16, CudaGraphMaker());
  const auto expected = Alone(*model);
  const absl::Status status = stream_->Run([&] {
    at::empty({int64_t{1} << 40}, at::TensorOptions(at::kByte).device(at::Device(device_)));
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  ExpectEqual(Alone(*model), expected);
}

TEST_F(GpuFaultTest, TooManySlotsAreRefusedBeforeTheyAreTaken) {
  GpuModelOptions options;
  options.slots = 1 << 20;
  const auto model = LoadDeviceModel(HashModelSizes(), device_, std::move(options));
  EXPECT_EQ(model.status().code(), absl::StatusCode::kFailedPrecondition) << model.status();
}

}  // namespace
}  // namespace vidmuse
