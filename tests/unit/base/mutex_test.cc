#include "core/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace vidmuse {
namespace {

struct Shared {
  Mutex mutex;
  int turn ABSL_GUARDED_BY(mutex) = 0;

  bool AwaitTurn(int wanted, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return mutex.AwaitFor(timeout,
                          [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return turn == wanted; });
  }
};

TEST(Mutex, UnlockingWakesWhoeverWaitsForTheChange) {
  Shared shared;
  std::thread other([&] {
    MutexLock lock(&shared.mutex);
    EXPECT_TRUE(shared.AwaitTurn(1, absl::Seconds(30)));
  });
  {
    MutexLock lock(&shared.mutex);
    shared.turn = 1;
  }
  other.join();
}

TEST(Mutex, WaitingWakesWhoeverWaitsForTheChange) {
  Shared shared;
  std::thread other([&] {
    MutexLock lock(&shared.mutex);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(shared.AwaitTurn(1, absl::Seconds(30)));
      shared.turn = 0;
    }
  });
  {
    MutexLock lock(&shared.mutex);
    for (int i = 0; i < 1000; ++i) {
      shared.turn = 1;
      ASSERT_TRUE(shared.AwaitTurn(0, absl::Seconds(30)));
    }
  }
  other.join();
}

TEST(Mutex, ATimeoutIsNotForever) {
  Shared shared;
  MutexLock lock(&shared.mutex);
  EXPECT_FALSE(shared.AwaitTurn(1, absl::Milliseconds(1)));
  EXPECT_FALSE(shared.AwaitTurn(1, -absl::Seconds(1)));
  EXPECT_TRUE(shared.AwaitTurn(0, -absl::InfiniteDuration()));
}

// Each thread that wakes looks at its condition.
TEST(CondVar, NotifyOneWakesOne) {
  constexpr int kThreads = 8;
  struct {
    Mutex mutex;
    CondVar work;
    int tasks ABSL_GUARDED_BY(mutex) = 0;
    int looks ABSL_GUARDED_BY(mutex) = 0;
    int done ABSL_GUARDED_BY(mutex) = 0;
  } shared;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      MutexLock lock(&shared.mutex);
      shared.work.Wait(&shared.mutex, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
        ++shared.looks;
        return shared.tasks > 0;
      });
      --shared.tasks;
      ++shared.done;
    });
  }
  {
    MutexLock lock(&shared.mutex);
    ASSERT_TRUE(shared.mutex.AwaitFor(
        absl::Seconds(30),
        [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) { return shared.looks == kThreads; }));
    ++shared.tasks;
    shared.work.NotifyOne();
    ASSERT_TRUE(shared.mutex.AwaitFor(
        absl::Seconds(30),
        [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) { return shared.done == 1; }));
    EXPECT_EQ(shared.looks, kThreads + 1);
    shared.tasks += kThreads;
    shared.work.NotifyAll();
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(&shared.mutex);
  EXPECT_EQ(shared.done, kThreads);
}

}  // namespace
}  // namespace vidmuse
