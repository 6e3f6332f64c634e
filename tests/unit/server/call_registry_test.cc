// When live calls are checked, and what one that fails does to the others.
#include "server/call_registry.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "server/call_slots.h"
#include "server/call_timer.h"
#include "server/heap_trimmer.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

class FakeCall final : public TrackedCall {
 public:
  explicit FakeCall(CallRegistry* calls) : calls_(calls) {}
  ~FakeCall() override { calls_->EndCall(this); }

  void End(absl::Status status) override { end = std::move(status); }
  absl::Duration CheckProgress(absl::Duration now) override {
    checks.push_back(now);
    checked.Notify();
    if (failures > 0) {
      --failures;
      throw std::bad_alloc();
    }
    return now + interval;
  }

  std::vector<absl::Duration> checks;
  Notification checked;
  absl::Duration interval = absl::Seconds(10);
  int failures = 0;
  absl::Status end;

 private:
  CallRegistry* const calls_;
};

std::shared_ptr<FakeCall> Begin(CallRegistry& calls) {
  auto call = std::make_shared<FakeCall>(&calls);
  calls.BeginCall(call);
  return call;
}

TEST(CallRegistryTest, ChecksACallWhenItIsDueAndNotBefore) {
  CallRegistry calls;
  const std::shared_ptr<FakeCall> slow = Begin(calls), fast = Begin(calls);
  fast->interval = absl::Seconds(1);
  for (int tick = 0; tick < 50 * 20; ++tick) calls.CheckDue(tick * CallRegistry::kCheckPeriod);
  EXPECT_EQ(slow->checks, (std::vector<absl::Duration>{absl::Seconds(0), absl::Seconds(10)}));
  ASSERT_EQ(fast->checks.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(fast->checks[i], absl::Seconds(i));
}

TEST(CallRegistryTest, ACallThatWantsToBeCheckedAtOnceIsNotCheckedInALoop) {
  CallRegistry calls;
  const std::shared_ptr<FakeCall> call = Begin(calls);
  call->interval = -absl::Seconds(1);
  for (int i = 0; i < 3; ++i) calls.CheckDue(absl::Seconds(5));
  EXPECT_EQ(call->checks.size(), 1u);
  calls.CheckDue(absl::Seconds(5) + CallRegistry::kCheckPeriod);
  EXPECT_EQ(call->checks.size(), 2u);
}

TEST(CallRegistryTest, ACallThatRunsOutOfMemoryIsCheckedAgainAndStopsNoOther) {
  CallRegistry calls;
  const std::shared_ptr<FakeCall> unlucky = Begin(calls), other = Begin(calls);
  unlucky->failures = 2;
  for (int tick = 0; tick < 4; ++tick) calls.CheckDue(tick * CallRegistry::kCheckPeriod);
  EXPECT_EQ(unlucky->checks.size(), 3u);
  EXPECT_EQ(other->checks.size(), 1u);
}

TEST(CallRegistryTest, CallsLeaveWhenTheyAreDestroyed) {
  CallRegistry calls;
  std::shared_ptr<FakeCall> first = Begin(calls);
  const std::shared_ptr<FakeCall> second = Begin(calls);
  { const FakeCall never_begun(&calls); }
  EXPECT_EQ(calls.counts().live, 2);
  EXPECT_FALSE(calls.WaitUntilIdle(absl::ZeroDuration()));
  first = nullptr;
  EXPECT_EQ(calls.counts().live, 1);
  EXPECT_EQ(calls.counts().begun, 2);
  calls.CheckDue(absl::Seconds(1));
  EXPECT_EQ(second->checks.size(), 1u);
  calls.EndAll(absl::UnavailableError("over"));
  EXPECT_EQ(second->end, absl::UnavailableError("over"));
}

TEST(CallTimerTest, ChecksLiveCallsByItsClock) {
  const ManualClock clock;
  CallRegistry calls;
  const CallTimer timer(&calls, &clock);
  for (int round = 0; round < 2; ++round) {  // the second begins after the registry was idle
    const std::shared_ptr<FakeCall> call = Begin(calls);
    ASSERT_TRUE(call->checked.WaitFor(kPatience));
    EXPECT_EQ(call->checks[0], clock.Monotonic());
  }
  EXPECT_TRUE(calls.WaitUntilIdle(kPatience));
}

TEST(HeapTrimmerTest, TrimsAfterManyCalls) {
  int trims = 0;
  HeapTrimmer trimmer([&] { ++trims; });
  trimmer.OnIdle(HeapTrimmer::kCallsToTrim - 1);
  EXPECT_EQ(trims, 0);
  trimmer.OnIdle(HeapTrimmer::kCallsToTrim);
  trimmer.OnIdle(2 * HeapTrimmer::kCallsToTrim - 1);
  EXPECT_EQ(trims, 1);
  trimmer.OnIdle(2 * HeapTrimmer::kCallsToTrim);
  EXPECT_EQ(trims, 2);
}

TEST(CallSlotsTest, OneKeyLeavesSlotsToTheOthers) {
  CallSlots slots({.uploads = 3, .uploads_per_key = 2, .calls_per_key = 3});
  EXPECT_TRUE(slots.Enter("a").ok());
  EXPECT_TRUE(slots.Enter("a").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(slots.Enter("a")));
  EXPECT_TRUE(slots.Enter("b").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(slots.Enter("c")));  // three uploads in all
  slots.EndUpload("a");
  slots.EndUpload("a");
  EXPECT_TRUE(slots.Enter("a").ok());
  slots.EndUpload("a");
  EXPECT_TRUE(absl::IsResourceExhausted(slots.Enter("a")));  // three calls, whose uploads are over
  slots.Leave("a");
  EXPECT_TRUE(slots.Enter("a").ok());
}

}  // namespace
}  // namespace vidmuse
