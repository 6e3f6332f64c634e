#include "core/video/decoder_budget.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace vidmuse {
namespace {

TEST(DecoderBudget, IsNeverExceeded) {
  DecoderBudget budget(100);
  const CancelFlag never;
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, bytes = 20 + 10 * i] {
      for (int round = 0; round < 200; ++round) {
        const auto share = budget.Take(static_cast<uint64_t>(bytes), never);
        ASSERT_TRUE(share.ok());
        const int now = held += bytes;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        held -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 100);
  EXPECT_EQ(held, 0);
}

TEST(DecoderBudget, MoreThanAllIsAll) {
  DecoderBudget budget(100);
  const CancelFlag never;
  { EXPECT_TRUE(budget.Take(1000, never).ok()); }
  EXPECT_TRUE(budget.Take(100, never).ok());
}

TEST(DecoderBudget, WaitingEndsWhenItIsCancelled) {
  DecoderBudget budget(100);
  const CancelFlag never;
  CancelFlag cancel;
  auto held = std::make_optional(budget.Take(100, never));
  std::thread waiting(
      [&] { EXPECT_EQ(budget.Take(50, cancel).status().code(), absl::StatusCode::kCancelled); });
  cancel.Cancel();
  waiting.join();
  held.reset();
  EXPECT_EQ(budget.Take(50, cancel).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(budget.Take(100, never).ok());
}

TEST(CoreBudget, LendsIdleCoresOnly) {
  CoreBudget cores(3);
  std::optional<CoreBudget::Share> first(cores.Take());
  std::optional<CoreBudget::Share> second = cores.TakeIdle();
  std::optional<CoreBudget::Share> third = cores.TakeIdle();
  EXPECT_TRUE(second.has_value());
  EXPECT_TRUE(third.has_value());
  EXPECT_FALSE(cores.TakeIdle().has_value());
  EXPECT_FALSE(cores.overdrawn());
  // Another video needs no idle core, but asks those that were lent back.
  std::optional<CoreBudget::Share> other(cores.Take());
  EXPECT_TRUE(cores.overdrawn());
  third.reset();
  EXPECT_FALSE(cores.overdrawn());
  EXPECT_FALSE(cores.TakeIdle().has_value());
  first.reset();
  EXPECT_TRUE(cores.TakeIdle().has_value());
}

}  // namespace
}  // namespace vidmuse
