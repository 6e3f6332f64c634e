#include "core/model/cpu/kv/kv_memory.h"

#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace vidmuse::cpu {
namespace {

TEST(KvMemoryTest, GivesWhatWasGivenBack) {
  KvMemory memory;
  AlignedBuffer buffer = memory.Take(100'000);
  const char* data = buffer.data<char>();
  memory.GiveBack(std::move(buffer));
  EXPECT_EQ(memory.bytes(), 100'000u);
  const AlignedBuffer again = memory.Take(95'000);
  EXPECT_EQ(again.data<char>(), data);
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(KvMemoryTest, KeepsAsManyAsAWindowHas) {
  KvMemory memory;
  std::vector<AlignedBuffer> buffers;
  for (size_t i = 1; i <= 6; ++i) buffers.push_back(memory.Take(i * 10'000));
  for (AlignedBuffer& buffer : buffers) memory.GiveBack(std::move(buffer));
  EXPECT_EQ(memory.bytes(), 40'000u + 50'000 + 60'000);  // the last ones
  const AlignedBuffer taken = memory.Take(50'000);
  memory.GiveBack(memory.Take(60'000));
  EXPECT_EQ(memory.bytes(), 40'000u + 60'000);
  memory.GiveBack(AlignedBuffer(30'000));  // into the empty place
  EXPECT_EQ(memory.bytes(), 30'000u + 40'000 + 60'000);
}

TEST(KvMemoryTest, ReleasesWhatDoesNotFit) {
  KvMemory memory;
  for (const size_t other : {40'000u, 60'000u}) {  // too small, much too large
    memory.GiveBack(AlignedBuffer(other));
    EXPECT_EQ(memory.Take(50'000).bytes(), 50'000u);
    EXPECT_EQ(memory.bytes(), 0u);
  }
}

TEST(KvMemoryTest, NothingIsGivenTwice) {
  KvMemory memory;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&memory, i] {
      for (int round = 0; round < 500; ++round) {
        AlignedBuffer buffer = memory.Take(8'000);
        buffer.data<int>()[0] = i * 1000 + round;
        std::this_thread::yield();
        ASSERT_EQ(buffer.data<int>()[0], i * 1000 + round);
        memory.GiveBack(std::move(buffer));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace vidmuse::cpu
