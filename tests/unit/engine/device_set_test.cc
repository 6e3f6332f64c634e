// A generator over several devices: requests go to the least loaded, and limits, drain, health and
// metrics are those of all.
#include "core/generator/device_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/generator/generator_impl.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"
#include "vidmuse/sampling_options.h"

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
    auto generator =
        NewGenerator(Models(&models_, count), ReadingWhole(sample), options, &clock_, &metrics_);
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
    request.loudness = LoudnessMode::kNone;
    return generator_->Submit(request).status().code();
  }

  ManualClock clock_;
  DeviceSink metrics_;
  std::vector<FakeModel*> models_;
  std::unique_ptr<Generator> generator_;
};

TEST_F(DeviceSetTest, TakesTheLeastLoaded) {
  DeviceSet devices(Models(&models_, 3), {1000, 1000, 1000}, {}, &clock_, &metrics_);
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
  // Idle: it may be faster than it was.
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(0.9)), absl::StatusCode::kOk);

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

// The device was slow in its last step, and makes none since: a window that takes its time to open
// keeps it from them. What it did a minute ago says nothing then.
TEST_F(DeviceSetTest, ASlowMomentIsForgotten) {
  GeneratorOptions options;
  options.limits.max_batch = 1;
  Start(1, options);
  Notification opening, go;
  models_[0]->on_step = [&](absl::Span<StepRequest>) {
    clock_.Advance(absl::Seconds(0.2));
    return absl::OkStatus();
  };
  auto slow = Submit(1);
  ASSERT_TRUE(slow->FinishVideo().ok());
  ASSERT_TRUE(ReadToEnd(*slow, kSoon).finished.ok());
  models_[0]->on_open = [&] {
    opening.Notify();
    go.WaitFor(kSoon);
    return absl::OkStatus();
  };
  auto next = Submit(2);
  ASSERT_TRUE(next->FinishVideo().ok());
  ASSERT_TRUE(opening.WaitFor(kSoon));
  // A second of music would take ten.
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(9)), absl::StatusCode::kDeadlineExceeded);
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(SubmitWithLimit(absl::Seconds(9)), absl::StatusCode::kOk);
  go.Notify();
  EXPECT_TRUE(ReadToEnd(*next, kSoon).finished.ok());
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

TEST_F(DeviceSetTest, ATaskThatHangsBesideTheDeviceThreadIsUnhealthy) {
  Notification stuck, go;
  Start(1);
  const auto hang = [&] {
    stuck.Notify();
    go.WaitFor(kSoon);
    return absl::OkStatus();
  };
  models_[0]->on_open = hang;
  auto stream = Submit(1);
  ASSERT_TRUE(stream->FinishVideo().ok());
  ASSERT_TRUE(stuck.WaitFor(kSoon));
  EXPECT_TRUE(generator_->Health().ok());
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(generator_->Health().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(generator_->Health().message()), HasSubstr("vm-window"));
  go.Notify();
  ReadToEnd(*stream, kSoon);
}

TEST_F(DeviceSetTest, EncodingALongVideoIsNoHangUntilItIs) {
  Notification stuck, go;
  Start(1);
  models_[0]->on_encode = [&] {
    stuck.Notify();
    go.WaitFor(kSoon);
    return absl::OkStatus();
  };
  auto stream = Submit(1);
  ASSERT_TRUE(stream->FinishVideo().ok());
  ASSERT_TRUE(stuck.WaitFor(kSoon));
  clock_.Advance(absl::Minutes(20));
  EXPECT_TRUE(generator_->Health().ok()) << generator_->Health();
  clock_.Advance(absl::Minutes(5));
  // The thread that decoded the video may have its task behind it only now.
  const absl::Time deadline = absl::Now() + kSoon;
  while (absl::StrContains(generator_->Health().message(), "vm-video") && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_THAT(std::string(generator_->Health().message()), HasSubstr("vm-encode"));
  go.Notify();
  ReadToEnd(*stream, kSoon);
}

class LostDeviceTest : public DeviceSetTest {
 protected:
  void Lose(int device) {
    models_[device]->on_step = [](absl::Span<StepRequest>) {
      return absl::InternalError("an illegal address was encountered");
    };
  }
  absl::Status Make(uint64_t video) {
    auto stream = Submit(video);
    EXPECT_TRUE(stream->FinishVideo().ok());
    return ReadToEnd(*stream, kSoon).finished.status();
  }
};

TEST_F(LostDeviceTest, OthersTakeTheRequestsOfALostDevice) {
  Start(2);
  Lose(0);
  EXPECT_EQ(Make(1).code(), absl::StatusCode::kUnavailable);
  const int64_t steps = models_[0]->steps();
  for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(Make(i), absl::OkStatus());
  EXPECT_EQ(models_[0]->steps(), steps);
  EXPECT_EQ(generator_->Health(), absl::OkStatus());
}

TEST_F(LostDeviceTest, NoneLeftIsUnhealthyAndRefuses) {
  Start(2);
  for (int device : {0, 1}) {
    Lose(device);
    EXPECT_EQ(Make(1).code(), absl::StatusCode::kUnavailable);
  }
  const absl::Status health = generator_->Health();
  EXPECT_EQ(health.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(health.message()), HasSubstr("illegal address"));
  EXPECT_EQ(generator_->Submit({}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LostDeviceTest, ADeviceThatCannotEncodeAnyVideoIsLostToo) {
  Start(2);
  models_[0]->on_encode = [] { return absl::InternalError("an illegal address"); };
  EXPECT_EQ(Make(1).code(), absl::StatusCode::kInternal);
  // Its thread probes it now; till then the next one may go there too.
  int made = 0;
  for (int i = 0; i < 1000 && made < 3; ++i) made += Make(i).ok();
  EXPECT_EQ(made, 3);
  EXPECT_EQ(generator_->Health(), absl::OkStatus());
}

class KvBudgetTest : public testing::Test {
 protected:
  size_t full_window() const { return model_.WindowBytes(60, 1503); }

  FakeModel model_;
  GeneratorOptions options_;
  std::vector<std::string> warnings_;
};

TEST_F(KvBudgetTest, HoldsAtLeastOneWindow) {
  options_.warn = [this](const std::string& line) { warnings_.push_back(line); };
  const size_t window = full_window();
  EXPECT_EQ(*KvBudget(model_, options_, 100 * window), 50 * window);
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(*KvBudget(model_, options_, window + 1), window);
  EXPECT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(KvBudget(model_, options_, window - 1).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*KvBudget(model_, options_, 0), 8 * window) << "nothing is known: the whole batch";
  options_.max_kv_bytes = 3 * window;
  EXPECT_EQ(*KvBudget(model_, options_, 1), 3 * window);
}

TEST_F(KvBudgetTest, AnOptionThatHoldsNoWindowIsRefused) {
  options_.max_kv_bytes = full_window() - 1;
  const absl::Status status = KvBudget(model_, options_, 1 << 30).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_kv_bytes"));
  EXPECT_EQ(NewGenerator(std::make_unique<FakeModel>(), nullptr, options_, Clock::Real(), nullptr)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  options_.limits.max_video_seconds = 4;  // shorter windows
  EXPECT_TRUE(KvBudget(model_, options_, 1 << 30).ok());
}

}  // namespace
}  // namespace vidmuse
