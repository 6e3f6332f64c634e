// Requests and devices that fail: what a listener throws costs its own request, everybody is told
// exactly once, and a device that can't make a step is not used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/engine/scheduler_fixture.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

class SchedulerFaultsTest : public SchedulerTest {
 protected:
  // The first request ends in the step in which the second one's frames can't be taken in.
  void TwoThatEndTogether() {
    Start({});
    first_ = Add(1, 1, Sampled(1));
    second_ = Add(1, 2, Sampled(2));
    second_->on_frames = [](int64_t frame) {
      if (frame == 49) throw std::bad_alloc();
    };
  }
  // No step succeeds, not even a probe's.
  void LoseTheDevice() {
    step_error_ = [](absl::Span<StepRequest>) { return absl::InternalError("an illegal address"); };
  }

  std::shared_ptr<TestSong> first_, second_;
};

TEST_F(SchedulerFaultsTest, FramesThatCannotBeTakenInCostTheirRequestAlone) {
  TwoThatEndTogether();
  const auto third = Add(2, 3, Sampled(3));
  RunToEnd();
  EXPECT_TRUE(first_->end->ok()) << *first_->end;
  EXPECT_TRUE(absl::IsResourceExhausted(*second_->end));
  EXPECT_TRUE(third->end->ok());
  EXPECT_EQ(third->made, FakeSong(2, 3, Sampled(3)));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  EXPECT_EQ(model_.open_windows(), 0);
}

// A sink that runs out of memory in a step: nobody's fault, and in the middle of the step's work.
class FailingSink final : public MetricsSink {
 public:
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {
    if (fail) throw std::bad_alloc();
  }
  bool fail = false;
};

TEST_F(SchedulerFaultsTest, AbortAfterAPartOfAStepTellsEverybodyOnce) {
  FailingSink sink;
  metrics_ = &sink;
  Start({});
  const auto done = Add(1, 1, Sampled(1));
  const auto other = Add(2, 2, Sampled(2));
  done->on_ended = [&](const absl::Status&) { sink.fail = true; };
  try {
    RunToEnd();
    FAIL() << "the sink threw nothing";
  } catch (const std::bad_alloc&) {
  }
  EXPECT_TRUE(done->end->ok());
  EXPECT_FALSE(other->end.has_value());
  scheduler_->Abort(absl::ResourceExhaustedError("out of memory"));
  EXPECT_TRUE(done->end->ok());
  EXPECT_TRUE(absl::IsResourceExhausted(*other->end));
  EXPECT_TRUE(scheduler_->idle());
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  EXPECT_EQ(model_.open_windows(), 0);
}

TEST_F(SchedulerFaultsTest, WhatAListenerThrowsEndsItsRequestAlone) {
  Start({});
  const auto not_placed = Add(1, 1, Sampled(1));
  not_placed->on_placed = [] { throw std::runtime_error("no place"); };
  const auto not_ended = Add(1, 2, Sampled(2));
  int told = 0;
  not_ended->on_ended = [&](const absl::Status& status) {
    ++told;
    if (status.ok()) throw std::runtime_error("no end");
  };
  const auto never_ended = Add(1, 3, Sampled(3));
  never_ended->on_ended = [](const absl::Status&) { throw std::bad_alloc(); };
  const auto cancelled = Add(1, 4, Sampled(4));
  cancelled->on_ended = [](const absl::Status&) { throw std::bad_alloc(); };
  cancelled->cancel.Cancel();
  const auto good = Add(1, 5, Sampled(5));
  RunToEnd();
  EXPECT_TRUE(absl::IsInternal(*not_placed->end));
  EXPECT_THAT(std::string(not_placed->end->message()), HasSubstr("no place"));
  EXPECT_EQ(told, 2) << "of success, and of what became of it";
  EXPECT_THAT(std::string(not_ended->end->message()), HasSubstr("no end"));
  EXPECT_EQ(good->made, FakeSong(1, 5, Sampled(5)));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  EXPECT_EQ(model_.open_windows(), 0);
}

TEST_F(SchedulerFaultsTest, ADeviceThatFailsAtEveryStepIsLostUntilAProbeSucceeds) {
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  const auto running = Add(2, 1, Sampled(1));
  const auto waiting = Add(2, 2, Sampled(2));
  scheduler_->RunStep();
  OpenAll();
  for (int i = 0; i < 20; ++i) scheduler_->RunStep();
  EXPECT_TRUE(scheduler_->load().device.ok());

  LoseTheDevice();
  EXPECT_TRUE(scheduler_->RunStep());
  EXPECT_FALSE(running->end.has_value()) << "told before load() says that the device is lost";
  EXPECT_TRUE(absl::IsUnavailable(scheduler_->load().device));
  EXPECT_FALSE(scheduler_->RunStep());
  // Another device may go on with them.
  for (const auto& song : {running, waiting}) {
    ASSERT_TRUE(song->end.has_value());
    EXPECT_TRUE(absl::IsUnavailable(*song->end)) << *song->end;
    EXPECT_THAT(std::string(song->end->message()), HasSubstr("an illegal address"));
    EXPECT_TRUE(RetryAfter(*song->end).has_value());
  }
  const auto late = Add(1, 3, Sampled(3));
  ASSERT_TRUE(late->end.has_value());
  EXPECT_TRUE(absl::IsUnavailable(*late->end));

  // Probed now and then, not all the time.
  const int64_t steps = model_.steps();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(scheduler_->RunStep());
  EXPECT_EQ(model_.steps(), steps);
  clock_.Advance(scheduler_->next_deadline() - clock_.Monotonic());
  EXPECT_FALSE(scheduler_->RunStep());
  EXPECT_EQ(model_.steps(), steps + 1);
  EXPECT_FALSE(scheduler_->load().device.ok());

  step_error_ = nullptr;
  clock_.Advance(scheduler_->next_deadline() - clock_.Monotonic());
  scheduler_->RunStep();
  EXPECT_TRUE(scheduler_->load().device.ok());
  const auto again = Add(2, 1, Sampled(1));
  RunToEnd();
  EXPECT_EQ(again->made, FakeSong(2, 1, Sampled(1)));
}

TEST_F(SchedulerFaultsTest, RequestsThatFailDontLoseTheDevice) {
  Start({});
  step_error_ = [](absl::Span<StepRequest> requests) -> absl::Status {
    for (const StepRequest& request : requests) {
      if (request.sampling != nullptr && request.sampling->seed == 666) {
        return absl::InternalError("logits are not finite");
      }
    }
    return absl::OkStatus();
  };
  for (int i = 0; i < 5; ++i) {
    const auto bad = Add(1, 1, Sampled(666));
    const auto also_bad = Add(1, 2, Sampled(666));
    RunToEnd();
    for (const auto& song : {bad, also_bad}) {
      EXPECT_TRUE(absl::IsInternal(*song->end)) << *song->end;
    }
    EXPECT_TRUE(scheduler_->load().device.ok());
  }
}

TEST_F(SchedulerFaultsTest, OtherStagesThatFailHaveAnIdleDeviceProbed) {
  Start({});
  scheduler_->RunStep();
  EXPECT_EQ(model_.steps(), 0);
  scheduler_->Suspect();
  scheduler_->RunStep();
  EXPECT_EQ(model_.steps(), 1);
  EXPECT_TRUE(scheduler_->load().device.ok());
  scheduler_->RunStep();
  EXPECT_EQ(model_.steps(), 1) << "once";

  model_.on_open = [] { return absl::InternalError("an illegal address"); };
  const auto song = Add(1, 1, Sampled(1));
  RunToEnd();
  EXPECT_TRUE(absl::IsInternal(*song->end));
  scheduler_->RunStep();
  EXPECT_TRUE(absl::IsUnavailable(scheduler_->load().device));
}

TEST_F(SchedulerFaultsTest, AStepThatSucceedsAnswersASuspicion) {
  Start({});
  const auto song = Add(1, 1, Sampled(1));
  scheduler_->RunStep();
  OpenAll();
  scheduler_->RunStep();
  scheduler_->Suspect();
  RunToEnd();
  const int64_t steps = model_.steps();
  scheduler_->RunStep();
  EXPECT_EQ(model_.steps(), steps) << "no probe";
}

}  // namespace
}  // namespace vidmuse
