#include "core/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>

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

}  // namespace
}  // namespace vidmuse
