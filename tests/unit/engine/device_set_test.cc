// A generator over several devices: requests go to the least loaded, and limits, drain, health and
// metrics are those of all.
#include "core/generator/device_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/generator/generator_impl.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "tests/support/stream_reader.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kSoon = absl::Seconds(30);

// Keeps the devices that were asked for.
class DeviceSink final : public MetricsSink {
 public:
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {}
  MetricsSink* ForDevice(absl::string_view device) override {
    devices.emplace_back(device);
    return this;
  }
  std::vector<std::string> devices;
};

class DeviceSetTest : public testing::Test {
 protected:
  static std::vector<std::unique_ptr<MusicModel>> Models(std::vector<FakeModel*>* models,
                                                         int count) {
    std::vector<std::unique_ptr<MusicModel>> made;
    for (int i = 0; i < count; ++i) {
      auto model = std::make_unique<FakeModel>();
      models->push_back(model.get());
      made.push_back(std::move(model));
    }
    return made;
  }

  void Start(int count, GeneratorOptions options = {}) {
    options.max_kv_bytes = 1 << 30;
    const auto sample = [](absl::string_view file, const Limits&, int,
                           const CancelFlag&) -> absl::StatusOr<VideoFrames> {
      const std::pair<std::string, std::string> parts = absl::StrSplit(file, ' ');
      return FakeFrames(std::stoi(parts.second), std::stoul(parts.first));
    };
    auto generator = NewGenerator(Models(&models_, count), sample, options, &clock_, &metrics_);
    ASSERT_TRUE(generator.ok()) << generator.status();
    generator_ = *std::move(generator);
  }

  std::unique_ptr<MusicStream> Submit(uint64_t video, int seconds = 1) {
    GenerationRequest request;
    request.seed_is_set = true;
    request.cfg_coef_is_set = true;
    request.format = AudioFormat::kPcmF32le;
    request.loudness = LoudnessMode::kNone;
    request.return_tokens = true;
    auto stream = generator_->Submit(request);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_TRUE((*stream)->AppendVideo(absl::StrCat(video, " ", seconds)).ok());
    return *std::move(stream);
  }

  // How a request for a second of music ends that has `time_limit`.
  absl::StatusCode SubmitWithLimit(absl::Duration time_limit) {
    GenerationRequest request;
    request.time_limit = time_limit;
    return generator_->Submit(request).status().code();
  }

  ManualClock clock_;
  DeviceSink metrics_;
  std::vector<FakeModel*> models_;
  std::unique_ptr<Generator> generator_;
};

TEST_F(DeviceSetTest, TakesTheLeastLoaded) {
  DeviceSet devices(Models(&models_, 3), {}, &clock_, &metrics_);
  EXPECT_EQ(devices.size(), 3u);
  EXPECT_EQ(metrics_.devices.size(), 3u);
  EXPECT_EQ(devices.info().device, "cpu,cpu,cpu");
  EXPECT_EQ(devices.LeastLoaded(), 0u);
  const DeviceShare first(&devices[0].requests);
  EXPECT_EQ(devices.LeastLoaded(), 1u);
  const DeviceShare second(&devices[1].requests);
  EXPECT_EQ(devices.LeastLoaded(), 2u);
  {
    const DeviceShare third(&devices[2].requests), fourth(&devices[2].requests);
    EXPECT_EQ(devices.LeastLoaded(), 0u);
  }
  EXPECT_EQ(devices.LeastLoaded(), 2u);
}

TEST_F(DeviceSetTest, SpreadsRequestsAndChangesNoResult) {
  Start(2);
  std::vector<std::unique_ptr<MusicStream>> streams;
  for (uint64_t i = 0; i < 4; ++i) streams.push_back(Submit(i));
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(streams[i]->FinishVideo().ok());
    const ReadSong song = ReadToEnd(*streams[i], kSoon);
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    const std::vector<int32_t> expected = FakeSong(1, i, SamplingOptions());
    EXPECT_EQ(song.tokens, std::vector<uint16_t>(expected.begin(), expected.end()));
  }
  // One song's steps are as many as another's, and here no two run at once.
  EXPECT_GT(models_[0]->steps(), 0);
  EXPECT_EQ(models_[0]->steps(), models_[1]->steps());
}

TEST_F(DeviceSetTest, LimitsAndDrainAreOfAll) {
  GeneratorOptions options;
  options.limits.max_batch = 3;
  options.limits.max_queued_requests = 2;
  Start(2, options);
  EXPECT_EQ(generator_->limits().max_batch, 6);
  EXPECT_EQ(generator_->model_info().device, "cpu,cpu");
  auto first = Submit(1), second = Submit(2);
  EXPECT_EQ(generator_->Submit({}).status().code(), absl::StatusCode::kResourceExhausted);
  generator_->BeginDrain();
  EXPECT_EQ(generator_->Submit({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(generator_->WaitUntilIdle(absl::ZeroDuration()));
  first.reset();
  second.reset();
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
}

TEST_F(DeviceSetTest, ADeadlineIsHeldAgainstTheDeviceThatTheRequestGoesTo) {
  GeneratorOptions options;
  options.limits.max_batch = 1;
  Start(2, options);
  // 50 frames a second each; once `stop` is set, each stops in its second step.
  std::atomic<bool> stop{false};
  std::atomic<int> steps[2] = {};
  Notification stopped[2], go;
  for (int i = 0; i < 2; ++i) {
    models_[i]->on_step = [&, i](absl::Span<StepRequest>) {
      clock_.Advance(absl::Milliseconds(20));
      if (stop && ++steps[i] == 2) {
        stopped[i].Notify();
        go.WaitFor(kSoon);
      }
      return absl::OkStatus();
    };
  }
  auto first = Submit(1), second = Submit(2);
  for (MusicStream* stream : {first.get(), second.get()}) {
    ASSERT_TRUE(stream->FinishVideo().ok());
    ASSERT_TRUE(ReadToEnd(*stream, kSoon).finished.ok());
  }
  // Idle: one device's speed counts, not both's.
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(0.9)), absl::StatusCode::kDeadlineExceeded);

  stop = true;
  auto busy = Submit(3, 20), less_busy = Submit(4, 2);
  ASSERT_TRUE(busy->FinishVideo().ok());
  ASSERT_TRUE(stopped[0].WaitFor(kSoon));
  ASSERT_TRUE(less_busy->FinishVideo().ok());
  ASSERT_TRUE(stopped[1].WaitFor(kSoon));
  // Two seconds of music are ahead of it, and its own.
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(2.8)), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(3.1)), absl::StatusCode::kOk);
  go.Notify();
}

TEST_F(DeviceSetTest, OneStuckDeviceIsUnhealthy) {
  Notification stuck, go;
  Start(2);
  models_[1]->on_step = [&](absl::Span<StepRequest>) {
    stuck.Notify();
    go.WaitFor(kSoon);
    return absl::OkStatus();
  };
  auto first = Submit(1), second = Submit(2);
  ASSERT_TRUE(second->FinishVideo().ok());
  ASSERT_TRUE(stuck.WaitFor(kSoon));
  EXPECT_TRUE(generator_->Health().ok());
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(generator_->Health().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(generator_->Health().message()), HasSubstr("cpu: "));
  go.Notify();
}

}  // namespace
}  // namespace vidmuse
