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

TEST(DecoderBudget, CallsBackWhatSomebodyNeeds) {
  DecoderBudget budget(100);
  const CancelFlag never;
  std::vector<int> called_back;
  const auto lend = [&](int number, uint64_t bytes) {
    return budget.Lend(bytes, 3, [&called_back, number] { called_back.push_back(number); });
  };
  const auto first = lend(1, 40), second = lend(2, 40);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(lend(3, 40).has_value()) << "only 20 are free";
  {
    // What is free is enough.
    const auto share = budget.Take(20, never);
    EXPECT_TRUE(called_back.empty());
    // The newest loan is enough.
    const auto other = budget.Take(30, never);
    EXPECT_EQ(called_back, std::vector<int>{2});
    EXPECT_FALSE(budget.Keep(*second).has_value());
    // A loan that is kept is a share like any other.
    const auto kept = budget.Keep(*first);
    EXPECT_TRUE(kept.has_value());
    EXPECT_FALSE(lend(4, 20).has_value());
  }
  budget.Return(*first);  // over already
  const auto third = lend(5, 40);
  ASSERT_TRUE(third);
  budget.Return(*third);
  EXPECT_TRUE(budget.Take(100, never).ok());
  EXPECT_EQ(called_back, std::vector<int>{2});
}

TEST(DecoderBudget, LendsNothingWhileSomebodyWaitsAndNoMoreLoansThanAsked) {
  DecoderBudget budget(100);
  const CancelFlag never;
  const auto lend = [&] { return budget.Lend(10, 2, [] {}); };
  auto held = std::make_optional(budget.Take(60, never));
  EXPECT_TRUE(lend() && lend());
  EXPECT_FALSE(lend());
  std::thread waiting([&] { EXPECT_TRUE(budget.Take(90, never).ok()); });
  // Who waits has called back the loans, so there would be room for others.
  while (lend()) std::this_thread::yield();
  held.reset();
  waiting.join();
  EXPECT_TRUE(lend());
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
