// How long a new request would wait, and whose turn is next.
#include "core/engine/scheduler_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/engine/scheduler_fixture.h"

namespace vidmuse {
namespace {

// Two places, at 10 ms a step of two: 200 frames a second.
SchedulerLoad TwoPlaces() {
  SchedulerLoad load;
  load.max_batch = 2;
  load.max_kv_bytes = 1000;
  load.full_window_bytes = 100;
  load.least_window_bytes = 10;
  load.speed.Observe(load.now, 0.01, 2);
  return load;
}

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

TEST(SchedulerLoadTest, APlaceIsFreeWhenTheFirstSongEnds) {
  SchedulerLoad load = TwoPlaces();
  load.running = {{.frames = 1}, {.frames = 1000}};
  EXPECT_NEAR(Seconds(load.Delay()), 0.01, 1e-9);
  EXPECT_NEAR(Seconds(load.LeastDelay("", false)), 0.01, 1e-9);
  // The next one takes that place; after 101 steps it has ended too.
  load.AddWaiting({.frames = 100}, "");
  EXPECT_NEAR(Seconds(load.Delay()), 1.01, 1e-9);
  EXPECT_NEAR(Seconds(load.LeastDelay("", false)), 1.01, 1e-9);
  load.running.pop_back();
  load.waiting.clear();
  EXPECT_EQ(load.Delay(), absl::ZeroDuration()) << "a place is free";
}

TEST(SchedulerLoadTest, MemoryIsAPlaceToo) {
  SchedulerLoad load = TwoPlaces();
  load.max_batch = 8;
  load.running = {{.frames = 500, .kv_bytes = 500}, {.frames = 300, .kv_bytes = 450}};
  load.kv_bytes = 950;
  EXPECT_NEAR(Seconds(load.Delay()), 3, 1e-9);
  EXPECT_EQ(load.LeastDelay("", false), absl::ZeroDuration()) << "a short song fits";
  load.kv_bytes = 1000;
  load.running[1].kv_bytes = 500;
  EXPECT_NEAR(Seconds(load.LeastDelay("", false)), 3, 1e-9);
}

// What a new song waits for at least depends on who gives way to it.
TEST(SchedulerLoadTest, StreamsWaitForThoseThatDontGiveWay) {
  SchedulerLoad load = TwoPlaces();
  load.lead_frames = 500;
  // A stream near its listener gives way when it is ten seconds ahead, at the earliest.
  const SongLoad near = {.frames = 3000, .window_frames = 1000, .kv_bytes = 100, .streamed = true};
  load.running = {near, near};
  load.kv_bytes = 200;
  EXPECT_NEAR(Seconds(load.LeastDelay("", true)), 5, 1e-9);
  EXPECT_NEAR(Seconds(load.Delay()), 30, 1e-9) << "once one has ended";
  load.running[0].yields = true;
  EXPECT_EQ(load.LeastDelay("", true), absl::ZeroDuration());
  // Its memory is free at the end of its window.
  load.max_kv_bytes = 200;
  EXPECT_NEAR(Seconds(load.LeastDelay("", true)), 5, 1e-9);
  // A patient song may get the share that streams leave it.
  EXPECT_NEAR(Seconds(load.LeastDelay("", false)), 5, 1e-9);
  load.max_kv_bytes = 1000;
  EXPECT_EQ(load.LeastDelay("", false), absl::ZeroDuration());
  // Patient songs that are waiting go behind streams that are.
  load.AddWaiting({.frames = 50, .kv_bytes = 10}, "a");
  load.AddWaiting({.frames = 50, .kv_bytes = 10, .streamed = true}, "a");
  EXPECT_TRUE(load.waiting[0].streamed);
}

TEST(SchedulerLoadTest, MoreSongsThanPlacesTakeTurns) {
  SchedulerLoad load = TwoPlaces();
  load.running.assign(4, {.frames = 100});
  // All four are made at half the speed; three of them must end.
  EXPECT_NEAR(Seconds(load.Delay()), 2, 1e-9);
}

TEST(SchedulerLoadTest, SmallerBatchesAreTakenToBeNoSlowerAndLargerOnesNoFaster) {
  SchedulerLoad load = TwoPlaces();
  load.max_batch = 1;
  load.running = {{.frames = 100}};
  EXPECT_NEAR(Seconds(load.Delay()), 0.5, 1e-9);
  load.max_batch = 4;
  load.running.assign(4, {.frames = 100});
  EXPECT_NEAR(Seconds(load.Delay()), 1, 1e-9);
}

TEST(SchedulerLoadTest, AnOldMeasureSaysNothing) {
  SchedulerLoad load = TwoPlaces();
  load.running = {{.frames = 100}, {.frames = 100}};
  EXPECT_NEAR(load.FramesPerSecond(), 200, 1e-9);
  load.now += absl::Seconds(61);
  EXPECT_EQ(load.FramesPerSecond(), 0);
  EXPECT_EQ(load.Delay(), absl::ZeroDuration());
  // Nor does it hold back the next one.
  load.speed.Observe(load.now, 0.1, 1);
  EXPECT_NEAR(load.FramesPerSecond(), 10, 1e-9);
  load.running.clear();
  EXPECT_EQ(load.FramesPerSecond(), 0) << "idle";
}

TEST(SchedulerLoadTest, ANewClientWaitsForOneTurnOfEachOther) {
  SchedulerLoad load = TwoPlaces();
  load.max_batch = 1;
  load.speed = {.step_seconds = 0.01, .batch = 1, .measured = load.now};
  load.running = {{.frames = 100}};
  for (const char* client : {"a", "a", "a", "b"}) load.AddWaiting({.frames = 100}, client);
  EXPECT_NEAR(Seconds(load.Delay()), 5, 1e-9);
  EXPECT_NEAR(Seconds(load.LeastDelay("a", false)), 5, 1e-9);
  EXPECT_NEAR(Seconds(load.LeastDelay("b", false)), 4, 1e-9);  // after a, b, a
  EXPECT_NEAR(Seconds(load.LeastDelay("c", false)), 3, 1e-9);  // after a, b
}

class TurnsTest : public SchedulerTest {
 protected:
  // Adds a request for each letter, of the client of that name.
  std::string OrderOfPlaces(const std::string& clients) {
    std::string order;
    std::vector<std::shared_ptr<TestSong>> all;
    for (const char client : clients) {
      all.push_back(Add(1, all.size(), Sampled(1), {}, std::string(1, client)));
      all.back()->on_placed = [&order, client] { order += client; };
    }
    RunToEnd();
    return order;
  }
};

TEST_F(TurnsTest, ClientsTakeTurnsAndKeepTheirOrder) {
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  EXPECT_EQ(OrderOfPlaces("aaaaabbc"), "abcabaaa");
  EXPECT_EQ(OrderOfPlaces("abab"), "abab");
}

TEST_F(TurnsTest, TheLoadListsThemInTheOrderInWhichTheyArePlaced) {
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  std::vector<SongId> placed;
  std::vector<std::shared_ptr<TestSong>> all;
  for (const char* client : {"a", "a", "a", "b", "b", "c", "a"}) {
    all.push_back(Add(1, 1, Sampled(1), {}, client));
    all.back()->on_placed = [&placed, id = songs_] { placed.push_back(id); };
  }
  scheduler_->RunStep();
  std::vector<SongId> listed = {scheduler_->load().running.front().id};
  for (const SongLoad& song : scheduler_->load().waiting) listed.push_back(song.id);
  // A song that is counted before the scheduler has it comes in the same place.
  SchedulerLoad later = scheduler_->load();
  later.AddWaiting({.id = 100}, "c");
  later.AddWaiting({.id = 101}, "d");
  RunToEnd();
  EXPECT_EQ(listed, placed);
  std::vector<SongId> order;
  for (const SongLoad& song : later.waiting) order.push_back(song.id);
  EXPECT_EQ(order, (std::vector<SongId>{4, 6, 2, 101, 5, 100, 3, 7}));
}

TEST_F(TurnsTest, ANewClientsTurnComesBeforeTheRestOfAnothers) {
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  std::vector<std::shared_ptr<TestSong>> first;
  for (int i = 0; i < 10; ++i) first.push_back(Add(1, i, Sampled(1), {}, "a"));
  scheduler_->RunStep();
  const auto other = Add(1, 100, Sampled(1), {}, "b");
  first[1]->cancel.Cancel();
  while (!other->placed) {
    OpenAll();
    scheduler_->RunStep();
  }
  EXPECT_TRUE(first[2]->placed);
  EXPECT_FALSE(first[3]->placed);
  RunToEnd();
  for (int i = 2; i < 10; ++i) EXPECT_EQ(first[i]->made, FakeSong(1, i, Sampled(1)));
}

}  // namespace
}  // namespace vidmuse
