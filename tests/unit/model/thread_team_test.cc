#include "core/model/cpu/thread_team.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/model/cpu/step_threads.h"
#include "gtest/gtest.h"

namespace vidmuse::cpu {
namespace {

TEST(StepThreadsTest, NoThreadHasLessThanAMillisecondsReading) {
  EXPECT_EQ(StepThreads(64, 1'000'000), 1);
  EXPECT_EQ(StepThreads(64, 25'000'000), 2);
  EXPECT_EQ(StepThreads(64, 360'000'000), 36);  // the small scale in int8
  EXPECT_EQ(StepThreads(64, 1'440'000'000), 64);
  EXPECT_EQ(StepThreads(2, 360'000'000), 2);
  EXPECT_EQ(StepThreads(1, 0), 1);
}

TEST(ThreadTeamTest, EveryMemberRunsOnItsOwnThread) {
  for (const int threads : {0, 1, 2, 5}) {
    ThreadTeam team(threads);
    ASSERT_EQ(team.size(), std::max(threads, 1));
    for (int round = 0; round < 200; ++round) {
      std::vector<std::thread::id> ids(team.size());
      team.Run([&](int member) { ids[member] = std::this_thread::get_id(); });
      EXPECT_EQ(ids[0], std::this_thread::get_id());
      EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
    }
  }
}

// Plain, unsynchronised data: a barrier that lets a member through early shows as a wrong sum (and
// as a data race under ThreadSanitizer).
TEST(ThreadTeamTest, BarriersSeparatePhases) {
  for (const int threads : {1, 2, 3, 4}) {
    ThreadTeam team(threads);
    std::vector<int64_t> cells(threads, 1);
    std::vector<int64_t> next(threads);
    for (int round = 0; round < 20; ++round) {
      cells.assign(threads, 1);
      team.Run([&](int member) {
        for (int phase = 0; phase < 50; ++phase) {
          int64_t sum = 0;
          for (const int64_t cell : cells) sum += cell;
          next[member] = sum % 1000 + member;
          team.Barrier();
          cells[member] = next[member];
          team.Barrier();
        }
      });
      std::vector<int64_t> expected(threads, 1);
      for (int phase = 0; phase < 50; ++phase) {
        int64_t sum = 0;
        for (const int64_t cell : expected) sum += cell;
        for (int i = 0; i < threads; ++i) expected[i] = sum % 1000 + i;
      }
      ASSERT_EQ(cells, expected) << threads << " threads, round " << round;
    }
  }
}

// Again after each barrier. Plain data: an item that two members had shows as a wrong count.
TEST(ThreadTeamTest, EveryItemIsClaimedOnce) {
  for (const int threads : {1, 2, 3, 4}) {
    ThreadTeam team(threads);
    for (const int n : {0, 1, 7, 100}) {
      std::vector<int> claims(n);
      team.Run([&](int member) {
        for (int phase = 0; phase < 20; ++phase) {
          for (int item; (item = team.Claim(n, member)) < n;) ++claims[item];
          team.Barrier();
        }
      });
      EXPECT_EQ(claims, std::vector<int>(n, 20)) << threads << " threads";
    }
  }
}

TEST(ThreadTeamTest, OthersClaimWhatAMemberDoesNotComeTo) {
  ThreadTeam team(3);
  std::atomic<bool> begun = false;
  std::atomic<int> left = 29;
  int late = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto waiting = [&](bool condition) {
    std::this_thread::yield();
    return condition && std::chrono::steady_clock::now() < deadline;
  };
  team.Run([&](int member) {
    if (member == 1) {
      EXPECT_EQ(team.Claim(30, member), 10) << "the first of its share";
      begun.store(true);
      while (waiting(left.load() > 0)) continue;
      while (team.Claim(30, member) < 30) ++late;
    } else {
      while (waiting(!begun.load())) continue;
      while (team.Claim(30, member) < 30) --left;
    }
  });
  EXPECT_EQ(left.load(), 0);
  EXPECT_EQ(late, 0);
}

// At once, at a barrier that others are waiting at already, and after the last one.
TEST(ThreadTeamTest, WhatAMemberThrowsIsThrownByRun) {
  for (const int threads : {1, 2, 3, 4}) {
    ThreadTeam team(threads);
    for (int thrower = 0; thrower < threads; ++thrower) {
      for (int at = 0; at < 3; ++at) {
        std::atomic<int> whole = 0;
        const auto work = [&](int member) {
          for (int phase = 0; phase < 3; ++phase) {
            if (member == thrower && phase == at) throw std::runtime_error("no");
            if (phase < 2) team.Barrier();
          }
          ++whole;
        };
        EXPECT_THROW(team.Run(work), std::runtime_error) << thrower << " of " << threads;
        EXPECT_EQ(whole, at < 2 ? 0 : threads - 1) << "others stop at their next barrier";
        // The team is as good as before, its claims too.
        std::vector<int> claims(9);
        team.Run([&](int member) {
          for (int phase = 0; phase < 4; ++phase) {
            for (int item; (item = team.Claim(9, member)) < 9;) ++claims[item];
            team.Barrier();
          }
        });
        EXPECT_EQ(claims, std::vector<int>(9, 4));
      }
    }
  }
}

TEST(ThreadTeamTest, AllMayThrow) {
  ThreadTeam team(3);
  for (int round = 0; round < 100; ++round) {
    EXPECT_THROW(team.Run([&](int member) {
      if (member > 0) team.Claim(5, member);
      throw std::bad_alloc();
    }),
                 std::bad_alloc);
  }
  int calls = 0;
  team.Run([&](int member) {
    if (member == 0) ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadTeamTest, SharesCoverTheWhole) {
  for (int n = 0; n < 40; ++n) {
    for (int size = 1; size < 9; ++size) {
      int next = 0;
      for (int i = 0; i < size; ++i) {
        const auto [begin, end] = ThreadTeam::Share(n, i, size);
        EXPECT_EQ(begin, next);
        EXPECT_LE(end - begin, (n + size - 1) / size);
        next = end;
      }
      EXPECT_EQ(next, n);
    }
  }
}

double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

TEST(ThreadTeamTest, IdleMembersUseNoProcessor) {
  ThreadTeam team(4);
  team.Run([](int) {});
  const double before = ProcessorSeconds();
  std::this_thread::sleep_for(
      std::chrono::milliseconds(200));  // what is measured is this idle time
  EXPECT_LT(ProcessorSeconds() - before, 0.05);
}

}  // namespace
}  // namespace vidmuse::cpu
