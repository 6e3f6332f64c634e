// Streams that are heard while they are made: who gets the step, the memory and the next window.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "tests/unit/engine/scheduler_fixture.h"

namespace vidmuse {
namespace {

class SchedulerStreamsTest : public SchedulerTest {
 protected:
  size_t full_window() const { return model_.WindowBytes(60, 1503); }

  void StartWith(int places, absl::Duration lead, size_t windows = 100) {
    SchedulerOptions options;
    options.max_batch = places;
    options.stream_lead = lead;
    options.max_kv_bytes = windows * full_window();
    Start(options);
  }
  // A step, with all windows opened that were asked for.
  void RunOne() {
    scheduler_->RunStep();
    OpenAll();
  }
  void Run(int steps) {
    for (int i = 0; i < steps; ++i) RunOne();
  }
};

TEST_F(SchedulerStreamsTest, OneThatIsFarAheadGivesItsPlaceToOneThatHasNothing) {
  step_time_ = absl::Milliseconds(7);  // almost three times as fast as it is heard
  StartWith(1, absl::Seconds(2));
  const auto first = AddStream(30, 1);
  Run(500);
  ASSERT_GT(first->frames(), 450u);
  const auto second = AddStream(30, 2);
  const size_t before = first->frames();
  Run(10);
  EXPECT_LE(first->frames(), before + 2);
  EXPECT_GT(second->frames(), 3u);
  EXPECT_EQ(model_.open_windows(), 2) << "it keeps its memory";
  // From here on the one that is nearer to running dry is made.
  Run(300);
  EXPECT_GT(first->frames(), before);
  EXPECT_GT(second->frames(), 100u);
  RunToEnd();
  EXPECT_EQ(first->made, FakeSong(30, 1, Sampled(1)));
  EXPECT_EQ(second->made, FakeSong(30, 2, Sampled(2)));
}

TEST_F(SchedulerStreamsTest, OneThatIsNotFarAheadKeepsItsPlace) {
  StartWith(1, absl::Seconds(10));
  const auto first = AddStream(10, 1);
  Run(400);
  const auto second = AddStream(10, 2);
  while (!first->end) {
    RunOne();
    ASSERT_FALSE(second->placed && !first->end);
  }
  RunToEnd();
  EXPECT_TRUE(second->end->ok());
}

TEST_F(SchedulerStreamsTest, WithoutALimitSongsKeepTheirPlacesToTheEnd) {
  StartWith(2, absl::InfiniteDuration(), /*windows=*/2);
  std::vector<std::shared_ptr<TestSong>> all;
  for (uint64_t i = 0; i < 5; ++i) all.push_back(AddStream(65, i));
  while (!scheduler_->idle()) {
    RunOne();
    for (size_t i = 2; i < all.size(); ++i) {
      if (all[i]->placed) {
        EXPECT_TRUE(all[i - 1]->end || all[i - 2]->end) << i;
      }
    }
  }
  for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(all[i]->made, FakeSong(65, i, Sampled(i)));
}

TEST_F(SchedulerStreamsTest, BetweenTwoWindowsMemoryGoesToOneThatHasNothing) {
  StartWith(8, absl::Seconds(2), /*windows=*/1);
  const auto first = AddStream(90, 1);
  Run(20);
  const auto second = AddStream(20, 2);
  while (first->frames() < 1500) {
    EXPECT_FALSE(second->placed);
    RunOne();
  }
  // It is some 15 s ahead, and the second one takes its memory.
  while (!second->end) {
    RunOne();
    EXPECT_EQ(first->frames(), 1500u);
    EXPECT_LE(model_.open_windows(), 1);
  }
  EXPECT_EQ(scheduler_->load().running.size(), 1u);
  RunToEnd();
  EXPECT_EQ(first->made, FakeSong(90, 1, Sampled(1)));
  EXPECT_EQ(second->made, FakeSong(20, 2, Sampled(2)));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
}

TEST_F(SchedulerStreamsTest, NoneBeginsThatWouldStopAnother) {
  // 50 frames a second in all: one stream.
  step_time_ = absl::Milliseconds(20);
  StartWith(1, absl::Seconds(1));
  const auto first = AddStream(60, 1);
  Run(200);
  const auto second = AddStream(5, 2);
  first->playback->Deliver(clock_.Monotonic(), absl::Seconds(30), FramesLength(first->frames()));
  Run(100);
  EXPECT_FALSE(second->placed) << "with two the first one would run dry in the end";
  EXPECT_GT(first->frames(), 250u);
  RunToEnd();
  EXPECT_EQ(second->made, FakeSong(5, 2, Sampled(2)));
}

TEST_F(SchedulerStreamsTest, PatientSongsHaveAnEighthOfTheRows) {
  StartWith(2, absl::InfiniteDuration());
  const auto patient = Add(30, 9, Sampled(9));
  RunOne();
  step_time_ = absl::Milliseconds(1);  // so fast that more streams than places may begin
  std::vector<std::shared_ptr<TestSong>> streams = {AddStream(30, 1), AddStream(30, 2)};
  Run(4);
  const size_t before = patient->frames(), stream_before = streams[0]->frames();
  Run(800);
  // An eighth of 1,600 rows.
  EXPECT_NEAR(static_cast<double>(patient->frames() - before), 200, 5);
  EXPECT_NEAR(static_cast<double>(streams[0]->frames() - stream_before), 700, 10);
  RunToEnd();
  EXPECT_EQ(patient->made, FakeSong(30, 9, Sampled(9)));
  EXPECT_EQ(streams[1]->made, FakeSong(30, 2, Sampled(2)));
}

TEST_F(SchedulerStreamsTest, PatientSongsHaveAnEighthOfTheWindows) {
  StartWith(8, absl::Seconds(1), /*windows=*/1);
  std::vector<std::shared_ptr<TestSong>> streams;
  for (uint64_t i = 0; i < 20; ++i) streams.push_back(AddStream(30, i));
  const auto first = Add(30, 100, Sampled(100)), second = Add(30, 101, Sampled(101));
  const auto begun = [&] {
    size_t placed = 0;
    for (const auto& stream : streams) placed += stream->placed;
    return placed;
  };
  while (!first->placed) RunOne();
  EXPECT_EQ(begun(), 7u);
  while (!second->placed) RunOne();
  EXPECT_EQ(begun(), 14u);
  RunToEnd();
  EXPECT_EQ(second->made, FakeSong(30, 101, Sampled(101)));
}

// Alone, a song is made a little faster than it is heard; beside others, far slower.
TEST_F(SchedulerStreamsTest, OnASlowDevicePatientSongsGetWhatAStreamLeaves) {
  StartWith(8, absl::Seconds(10));
  model_.on_step = [this](absl::Span<StepRequest> batch) {
    clock_.Advance(absl::Milliseconds(12) + batch.size() * absl::Milliseconds(7));
    return absl::OkStatus();
  };
  std::vector<std::shared_ptr<TestSong>> patient;
  for (uint64_t i = 0; i < 4; ++i) patient.push_back(Add(600, i, Sampled(i)));
  Run(100);
  const size_t before = patient[0]->frames();
  const auto stream = AddStream(60, 9);
  const absl::Duration begin = clock_.Monotonic();
  while (!stream->end) RunOne();
  EXPECT_LT(clock_.Monotonic() - begin, absl::Seconds(64)) << "for a minute of music";
  size_t made = 0;
  for (const auto& song : patient) made += song->frames() - before;
  EXPECT_GE(made, 3000u / 8) << "their share";
  EXPECT_LE(made, 700u);
  for (const auto& song : patient) song->cancel.Cancel();
  RunToEnd();
  EXPECT_EQ(stream->made, FakeSong(60, 9, Sampled(9)));
}

TEST_F(SchedulerStreamsTest, WhoMadeMuchThatNobodyHeardIsFarAhead) {
  StartWith(1, absl::Seconds(2));
  const auto first = AddStream(30, 1);
  first->deliver = false;  // nobody makes audio of its tokens
  Run(300);
  const auto second = AddStream(30, 2);
  Run(10);
  EXPECT_TRUE(second->placed);
  RunToEnd();
}

TEST_F(SchedulerStreamsTest, TellsHowManySitOut) {
  GaugeSink sink(Gauge::kRequestsPaused);
  metrics_ = &sink;
  StartWith(1, absl::Seconds(2));
  const auto first = AddStream(20, 1);
  Run(500);
  EXPECT_EQ(sink.value, 0);
  const auto second = AddStream(1, 2);
  Run(10);
  EXPECT_EQ(sink.value, 1);
  RunToEnd();
  RunOne();
  EXPECT_EQ(sink.value, 0);
}

// Random arrivals of streams and patient songs, tight memory, pauses, cancels and slow windows.
TEST_F(SchedulerStreamsTest, PausesChangeNothing) {
  for (uint32_t round = 0; round < 20; ++round) {
    std::mt19937 random(round);
    const auto below = [&](int n) { return static_cast<int>(random() % n); };
    step_time_ = absl::Milliseconds(1 + below(20));
    StartWith(1 + below(4), absl::Milliseconds(below(4000)), 1 + below(6));
    struct Expected {
      std::shared_ptr<TestSong> song;
      std::vector<int32_t> tokens;
      bool cancelled = false;
    };
    std::vector<Expected> all;
    for (int turn = 0; turn < 60000 && !(all.size() == 12 && scheduler_->idle()); ++turn) {
      if (all.size() < 12 && below(100) == 0) {
        const int seconds = below(3) == 0 ? 30 + below(70) : 1 + below(20);
        const uint64_t seed = random() % 1000;
        std::vector<int32_t> tokens = FakeSong(seconds, seed, Sampled(seed));
        const size_t known = below(3) == 0 ? below(seconds * 50) * 4 : 0;
        std::vector<int32_t> past(tokens.begin(), tokens.begin() + known);
        all.push_back({below(3) == 0 ? Add(seconds, seed, Sampled(seed), past)
                                     : AddStream(seconds, seed, "", past),
                       tokens});
      }
      if (!all.empty() && below(2000) == 0) {
        Expected& victim = all[below(static_cast<int>(all.size()))];
        victim.cancelled = true;
        victim.song->cancel.Cancel();
      }
      if (!opening_.empty() && below(5) == 0) OpenOne();
      scheduler_->RunStep();
      if (below(300) == 0) clock_.Advance(absl::Seconds(1));
      ASSERT_LE(scheduler_->load().kv_bytes, 6 * full_window());
    }
    ASSERT_TRUE(scheduler_->idle()) << "round " << round;
    OpenAll();
    for (const Expected& expected : all) {
      ASSERT_TRUE(expected.song->end.has_value());
      if (expected.song->end->ok()) {
        EXPECT_EQ(expected.song->tokens(), expected.tokens);
      } else {
        EXPECT_TRUE(expected.cancelled) << *expected.song->end;
      }
    }
    EXPECT_EQ(model_.open_windows(), 0);
    EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  }
}

}  // namespace
}  // namespace vidmuse
