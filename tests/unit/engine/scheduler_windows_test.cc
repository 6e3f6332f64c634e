// A long song's next window: it is there when the one before it ends, if memory allows.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/engine/scheduler_fixture.h"

namespace vidmuse {
namespace {

class SchedulerWindowsTest : public SchedulerTest {
 protected:
  size_t full_window() const { return model_.WindowBytes(60, 1503); }

  // Runs a song until its first window has `frames` frames left.
  std::shared_ptr<TestSong> RunUntilLeft(int frames, int seconds = 60) {
    const auto song = Add(seconds, 1, Sampled(1));
    scheduler_->RunStep();
    OpenAll();
    while (song->made.size() < (1500u - frames) * 4) EXPECT_TRUE(scheduler_->RunStep());
    return song;
  }
};

TEST_F(SchedulerWindowsTest, IsOpenedWhileTheOneBeforeItGoesOn) {
  Start({});
  const auto song = RunUntilLeft(501, 95);
  EXPECT_TRUE(opening_.empty());
  scheduler_->RunStep();
  scheduler_->RunStep();
  ASSERT_EQ(opening_.size(), 1u);
  EXPECT_TRUE(opening_.front().urgent);
  EXPECT_EQ(opening_.front().window.first_frame, 1475);
  EXPECT_EQ(scheduler_->load().kv_bytes, 2 * full_window());
  // From here to the end there is something to step at every turn, and a frame comes out of each,
  // but for the first three of a window: the delay pattern takes these.
  while (!song->end) {
    if (!opening_.empty() && song->made.size() % 64 == 0) OpenOne();
    const size_t before = song->made.size();
    ASSERT_TRUE(scheduler_->RunStep());
    const size_t in_window = (before / 4 - 1500) % 1475;
    if (before / 4 < 1500 || in_window > 0) {
      EXPECT_GT(song->made.size(), before);
    }
    EXPECT_LE(model_.open_windows(), 2);
    EXPECT_LE(scheduler_->load().kv_bytes, 2 * full_window());
  }
  EXPECT_EQ(song->made, FakeSong(95, 1, Sampled(1)));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  EXPECT_EQ(model_.open_windows(), 0);
}

TEST_F(SchedulerWindowsTest, ATightMemoryHoldsOneWindowAtATime) {
  SchedulerOptions options;
  options.max_kv_bytes = full_window();
  Start(options);
  const auto song = Add(95, 1, Sampled(1));
  while (!song->end) {
    OpenAll();
    scheduler_->RunStep();
    EXPECT_LE(model_.open_windows(), 1);
    EXPECT_LE(scheduler_->load().kv_bytes, full_window());
  }
  EXPECT_EQ(song->made, FakeSong(95, 1, Sampled(1)));
}

TEST_F(SchedulerWindowsTest, NoMemoryIsTakenThatANewcomerWaitsFor) {
  SchedulerOptions options;
  options.max_kv_bytes = 2 * full_window() + full_window() / 2;
  Start(options);
  const auto song = RunUntilLeft(900);
  const auto second = Add(60, 2, Sampled(2));
  const auto third = Add(60, 3, Sampled(3));  // half a window is free for it, and a place
  scheduler_->RunStep();
  ASSERT_TRUE(second->placed);
  ASSERT_FALSE(third->placed);
  OpenAll();
  while (song->made.size() < 1500u * 4) {
    ASSERT_TRUE(opening_.empty());
    scheduler_->RunStep();
  }
  RunToEnd();
  EXPECT_EQ(song->made, FakeSong(60, 1, Sampled(1)));
  EXPECT_EQ(third->made, FakeSong(60, 3, Sampled(3)));
}

TEST_F(SchedulerWindowsTest, OneThatCannotBeOpenedAheadIsOpenedLater) {
  Start({});
  const auto song = RunUntilLeft(499);
  int opened = 0;
  model_.on_open = [&] {
    ++opened;
    return absl::ResourceExhaustedError("all slots are taken");
  };
  scheduler_->RunStep();
  OpenAll();
  while (song->made.size() < 1500u * 4) scheduler_->RunStep();
  EXPECT_EQ(opened, 1) << "once beside the window before it";
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  scheduler_->RunStep();
  EXPECT_EQ(scheduler_->load().kv_bytes, full_window());
  model_.on_open = nullptr;
  RunToEnd();
  EXPECT_EQ(song->made, FakeSong(60, 1, Sampled(1)));
}

// The machine's memory may be short though the budget isn't spent: that costs nobody its song.
TEST_F(SchedulerWindowsTest, OneThatFindsNoMemoryTriesAgainWhenAnotherGivesSomeBack) {
  Start({});
  const auto first = Add(2, 1, Sampled(1));
  scheduler_->RunStep();
  OpenAll();
  int refused = 0;
  model_.on_open = [&]() -> absl::Status {
    if (model_.open_windows() == 0) return absl::OkStatus();
    ++refused;
    return absl::ResourceExhaustedError("no memory");
  };
  const auto second = Add(2, 2, Sampled(2)), third = Add(2, 3, Sampled(3));
  RunToEnd();
  EXPECT_EQ(refused, 3) << "the second once, the third twice";
  for (const auto& song : {first, second, third}) EXPECT_EQ(*song->end, absl::OkStatus());
  EXPECT_EQ(third->made, FakeSong(2, 3, Sampled(3)));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
}

TEST_F(SchedulerWindowsTest, ACancelledSongLeavesNoWindowOpenedAhead) {
  Start({});
  for (const bool opened : {false, true}) {
    const auto song = RunUntilLeft(499);
    scheduler_->RunStep();
    ASSERT_EQ(opening_.size(), 1u);
    if (opened) OpenAll();
    song->cancel.Cancel();
    scheduler_->RunStep();
    EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
    OpenAll();
    EXPECT_EQ(model_.open_windows(), 0);
  }
}

// Whoever holds the condition counts its memory.
TEST_F(SchedulerWindowsTest, TheConditionIsFreeOnceTheLastWindowIsOpenOrTheSongHasEnded) {
  SchedulerOptions options;
  options.max_batch = 2;
  Start(options);
  const auto song = Add(31, 1, Sampled(1));
  const std::weak_ptr<const VideoCondition> songs = condition_;
  const auto cancelled = Add(31, 2, Sampled(2));
  const std::weak_ptr<const VideoCondition> cancelleds = condition_;
  const auto waiting = Add(31, 3, Sampled(3));
  const std::weak_ptr<const VideoCondition> waitings = condition_;
  scheduler_->RunStep();
  OpenAll();
  int told = 0;
  for (const auto& [listener, condition] :
       {std::pair{cancelled, cancelleds}, std::pair{waiting, waitings}}) {
    listener->on_ended = [&told, condition = condition](const absl::Status&) {
      ++told;
      EXPECT_TRUE(condition.expired());
    };
    EXPECT_FALSE(condition.expired());
    listener->cancel.Cancel();
  }
  scheduler_->RunStep();
  EXPECT_EQ(told, 2);
  while (opening_.empty()) scheduler_->RunStep();
  EXPECT_FALSE(songs.expired());
  OpenAll();
  EXPECT_TRUE(songs.expired());
  RunToEnd();
  EXPECT_EQ(song->made, FakeSong(31, 1, Sampled(1)));
}

// A resumed song with a long past to feed doesn't keep another's new window from its prompt.
TEST_F(SchedulerWindowsTest, TheNextWindowsPromptGoesBeforeAResumedPast) {
  SchedulerOptions options;
  options.prefill_steps = 7;
  Start(options);
  const std::vector<int32_t> past = FakeSong(28, 2, Sampled(2));
  const auto resumed = Add(28, 2, Sampled(2), {past.begin(), past.begin() + 1399 * 4});
  const auto song = Add(60, 1, Sampled(1));
  scheduler_->RunStep();
  std::swap(opening_[0], opening_[1]);
  OpenOne();
  while (song->made.size() < 1450u * 4) ASSERT_TRUE(scheduler_->RunStep());
  OpenAll();
  while (song->made.size() < 1500u * 4) ASSERT_TRUE(scheduler_->RunStep());
  int steps = 0;
  for (; song->made.size() == 1500u * 4; ++steps) ASSERT_TRUE(scheduler_->RunStep());
  // 25 frames of prompt are 26 steps to feed, 8 at a time; the delay takes three more.
  EXPECT_EQ(steps, 4 + 3);
  EXPECT_TRUE(resumed->made.empty()) << "it is still being fed";
  RunToEnd();
  EXPECT_EQ(song->made, FakeSong(60, 1, Sampled(1)));
  EXPECT_EQ(resumed->tokens(), past);
}

}  // namespace
}  // namespace vidmuse
