#include "core/model/conditioner/chunk_pool.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/notification.h"

namespace vidmuse {
namespace {

TEST(ChunkPoolTest, RunsEveryChunkOnce) {
  ChunkPool pool("test", 3);
  for (int count : {0, 1, 2, 3, 50}) {
    std::vector<std::atomic<int>> runs(count);
    ASSERT_TRUE(pool.Run(count, CancelFlag(),
                         [&](int chunk) {
                           ++runs[chunk];
                           return absl::OkStatus();
                         })
                    .ok());
    for (int chunk = 0; chunk < count; ++chunk) EXPECT_EQ(runs[chunk], 1) << chunk;
  }
}

TEST(ChunkPoolTest, ComputesOnAllThreadsAtOnce) {
  ChunkPool pool("test", 2);
  Notification first, second;
  const absl::Status status = pool.Run(2, CancelFlag(), [&](int chunk) {
    (chunk == 0 ? first : second).Notify();
    return (chunk == 0 ? second : first).WaitFor(absl::Seconds(10))
               ? absl::OkStatus()
               : absl::DeadlineExceededError("alone");
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ChunkPoolTest, ItsThreadsGiveWayAndOthersDoNot) {
  const int own = getpriority(PRIO_PROCESS, 0);
  ChunkPool pool("test", 1);
  int seen = 0;
  ASSERT_TRUE(pool.Run(1, CancelFlag(),
                       [&](int) {
                         seen = getpriority(PRIO_PROCESS, 0);
                         return absl::OkStatus();
                       })
                  .ok());
  EXPECT_EQ(seen, std::min(own + ChunkPool::kNiceness, 19));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

TEST(ChunkPoolTest, TheFirstErrorEndsTheCall) {
  ChunkPool pool("test", 1);
  int runs = 0;
  const absl::Status status = pool.Run(50, CancelFlag(), [&](int chunk) {
    ++runs;
    return chunk == 2 ? absl::InternalError("chunk 2") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::InternalError("chunk 2"));
  EXPECT_EQ(runs, 3);
  // The pool is fit for more.
  EXPECT_TRUE(pool.Run(1, CancelFlag(), [](int) { return absl::OkStatus(); }).ok());
}

TEST(ChunkPoolTest, CancelEndsTheCallAtTheNextChunk) {
  ChunkPool pool("test", 1);
  CancelFlag cancel;
  int runs = 0;
  const absl::Status status = pool.Run(50, cancel, [&](int chunk) {
    ++runs;
    if (chunk == 1) cancel.Cancel();
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(runs, 2);
}

TEST(ChunkPoolTest, WhatIsThrownIsAnError) {
  ChunkPool pool("test", 1);
  const absl::Status no_memory =
      pool.Run(1, CancelFlag(), [](int) -> absl::Status { throw std::bad_alloc(); });
  EXPECT_TRUE(absl::IsResourceExhausted(no_memory)) << no_memory;
  const absl::Status other = pool.Run(1, CancelFlag(), [](int) -> absl::Status { throw 1; });
  EXPECT_TRUE(absl::IsInternal(other)) << other;
}

TEST(ChunkPoolTest, CallersTakeTurns) {
  ChunkPool pool("test", 1);
  constexpr int kMany = 10000;
  Notification done;
  std::thread other;
  int chunks_after = 0;  // of the long call, when the short one was done
  const absl::Status status = pool.Run(kMany, CancelFlag(), [&](int chunk) {
    if (chunk == 0) {
      other = std::thread([&] {
        EXPECT_TRUE(pool.Run(1, CancelFlag(),
                             [&](int) {
                               done.Notify();
                               return absl::OkStatus();
                             })
                        .ok());
      });
    } else if (done.WaitFor(absl::Milliseconds(1))) {
      ++chunks_after;
    }
    return absl::OkStatus();
  });
  other.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(chunks_after, 0);
}

}  // namespace
}  // namespace vidmuse
