#include "core/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(30);

TEST(WorkerPool, RunsEveryTaskAndThoseQueuedAtItsEnd) {
  ManualClock clock;
  std::atomic<int> done{0};
  {
    WorkerPool pool("test", 3, 10000, &clock);
    for (int i = 0; i < 10000; ++i) ASSERT_TRUE(pool.Submit([&] { ++done; }));
  }
  EXPECT_EQ(done, 10000);
}

TEST(WorkerPool, UrgentTasksGoFirst) {
  ManualClock clock;
  Notification begun, go;
  std::vector<int> order;
  {
    WorkerPool pool("test", 1, 5, &clock);
    ASSERT_TRUE(pool.Submit([&] {
      begun.Notify();
      go.WaitFor(kSoon);
    }));
    ASSERT_TRUE(begun.WaitFor(kSoon));
    for (const int task : {1, 2, 3, 4, 5}) {
      const auto priority = task > 2 ? TaskPriority::kUrgent : TaskPriority::kNormal;
      ASSERT_TRUE(pool.Submit([&order, task] { order.push_back(task); }, priority));
    }
    EXPECT_FALSE(pool.Submit([] {}, TaskPriority::kUrgent)) << "five are queued";
    go.Notify();
  }
  EXPECT_EQ(order, (std::vector<int>{3, 4, 5, 1, 2}));
}

TEST(WorkerPool, ClientsTakeTurnsAndKeepTheirOrder) {
  ManualClock clock;
  Notification begun, go;
  std::string order;
  {
    WorkerPool pool("test", 1, 100, &clock);
    ASSERT_TRUE(pool.Submit([&] {
      begun.Notify();
      go.WaitFor(kSoon);
    }));
    ASSERT_TRUE(begun.WaitFor(kSoon));
    for (const char* task : {"a1", "a2", "a3", "a4", "b1", "b2", "c1"}) {
      const auto run = [&order, task] { order += task; };
      ASSERT_TRUE(pool.Submit(run, TaskPriority::kNormal, std::string(1, task[0])));
    }
    go.Notify();
  }
  EXPECT_EQ(order, "a1b1c1a2b2a3a4");
}

TEST(WorkerPool, ATaskThatThrowsEndsAlone) {
  ManualClock clock;
  Notification done;
  WorkerPool pool("test", 1, 10, &clock);
  ASSERT_TRUE(pool.Submit([] { throw std::runtime_error("thrown"); }));
  ASSERT_TRUE(pool.Submit([] { throw 1; }));
  ASSERT_TRUE(pool.Submit([&] { done.Notify(); }));
  EXPECT_TRUE(done.WaitFor(kSoon));
}

TEST(WorkerPool, ProgressIsThatOfTheOldestRunningTask) {
  ManualClock clock;
  Notification begun[2], go[2];
  WorkerPool pool("vm-test", 2, 10, &clock);
  const auto hang = [&](int i) {
    return [&, i] {
      begun[i].Notify();
      go[i].WaitFor(kSoon);
    };
  };
  clock.Advance(absl::Hours(1));
  EXPECT_TRUE(pool.CheckProgress(absl::Seconds(60)).ok()) << "nothing runs";
  ASSERT_TRUE(pool.Submit(hang(0)));
  ASSERT_TRUE(begun[0].WaitFor(kSoon));
  clock.Advance(absl::Seconds(40));
  ASSERT_TRUE(pool.Submit(hang(1)));
  ASSERT_TRUE(begun[1].WaitFor(kSoon));
  EXPECT_TRUE(pool.CheckProgress(absl::Seconds(60)).ok());
  clock.Advance(absl::Seconds(40));
  EXPECT_TRUE(absl::IsUnavailable(pool.CheckProgress(absl::Seconds(60))));
  EXPECT_TRUE(pool.CheckProgress(absl::Seconds(100)).ok());
  go[0].Notify();
  // The first thread is free once it takes this.
  Notification third;
  ASSERT_TRUE(pool.Submit([&] { third.Notify(); }));
  ASSERT_TRUE(third.WaitFor(kSoon));
  EXPECT_TRUE(pool.CheckProgress(absl::Seconds(60)).ok());
  go[1].Notify();
}

}  // namespace
}  // namespace vidmuse
