// Who is in the batch, and what each of them gets, whatever the company.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/unit/engine/scheduler_fixture.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

TEST_F(SchedulerTest, OneRequestMatchesThePublishedLoop) {
  Start({});
  SamplingOptions greedy;
  greedy.greedy = true;
  for (int seconds : {1, 4, 30, 31, 59, 60, 63, 95}) {
    const auto song = Add(seconds, 5, greedy);
    RunToEnd();
    ASSERT_TRUE(song->end.has_value());
    EXPECT_TRUE(song->end->ok()) << *song->end;
    EXPECT_EQ(song->made, FakeSong(seconds, 5, greedy)) << seconds;
  }
  EXPECT_EQ(model_.open_windows(), 0);
}

// Random arrivals, lengths, resumes, cancels and slow windows against the one-request-at-a-time
// model.
TEST_F(SchedulerTest, CompanyAndTimingChangeNothing) {
  for (uint32_t round = 0; round < 20; ++round) {
    std::mt19937 random(round);
    const auto below = [&](int n) { return static_cast<int>(random() % n); };
    SchedulerOptions options;
    options.max_batch = 1 + below(6);
    options.prefill_steps = 1 + below(20);
    Start(options);
    struct Expected {
      std::shared_ptr<TestSong> song;
      std::vector<int32_t> tokens;
      bool cancelled = false;
    };
    std::vector<Expected> all;
    for (int turn = 0; turn < 20000 && !(all.size() == 12 && scheduler_->idle()); ++turn) {
      if (all.size() < 12 && below(60) == 0) {
        const int seconds = below(4) == 0 ? 30 + below(40) : 1 + below(6);
        const SamplingOptions sampling = Sampled(random());
        const uint64_t video = random();
        std::vector<int32_t> tokens = FakeSong(seconds, video, sampling);
        const size_t known = below(2) == 0 ? below(seconds * 50) * 4 : 0;
        all.push_back(
            {Add(seconds, video, sampling, {tokens.begin(), tokens.begin() + known}), tokens});
      }
      if (!all.empty() && below(400) == 0) {
        Expected& victim = all[below(static_cast<int>(all.size()))];
        victim.cancelled = true;
        victim.song->cancel.Cancel();
      }
      if (!opening_.empty() && below(5) == 0) OpenOne();
      scheduler_->RunStep();
      ASSERT_LE(largest_batch_, static_cast<size_t>(options.max_batch));
    }
    ASSERT_TRUE(scheduler_->idle());
    OpenAll();
    for (const Expected& expected : all) {
      ASSERT_TRUE(expected.song->end.has_value());
      if (expected.song->end->ok()) {
        EXPECT_EQ(expected.song->tokens(), expected.tokens);
      } else {
        EXPECT_TRUE(expected.cancelled);
        EXPECT_TRUE(absl::IsCancelled(*expected.song->end));
        const std::vector<int32_t> part = expected.song->tokens();
        EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.tokens.begin()));
      }
    }
    EXPECT_EQ(model_.open_windows(), 0);
    EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
  }
}

TEST_F(SchedulerTest, ResumesFromEveryFrame) {
  Start({});
  const SamplingOptions sampling = Sampled(9);
  const std::vector<int32_t> tokens = FakeSong(2, 3, sampling);
  for (size_t frames = 0; frames < 100; ++frames) {
    const auto song = Add(2, 3, sampling, {tokens.begin(), tokens.begin() + frames * 4});
    RunToEnd();
    ASSERT_EQ(song->tokens(), tokens) << frames;
  }
}

TEST_F(SchedulerTest, PlacesInOrderOfArrivalWithinBatchAndMemory) {
  SchedulerOptions options;
  options.max_batch = 3;
  options.max_kv_bytes = 2 * model_.WindowBytes(2, 53) + 1;
  Start(options);
  std::vector<std::shared_ptr<TestSong>> all;
  for (int i = 0; i < 5; ++i) all.push_back(Add(1, i, Sampled(i)));
  scheduler_->RunStep();
  EXPECT_TRUE(all[0]->placed && all[1]->placed);
  EXPECT_FALSE(all[2]->placed);
  EXPECT_EQ(scheduler_->load().waiting.size(), 3u);
  RunToEnd();
  for (const auto& song : all) EXPECT_TRUE(song->end->ok());
  EXPECT_EQ(largest_batch_, 2u);
}

TEST_F(SchedulerTest, RefusesWhatNeverFits) {
  SchedulerOptions options;
  options.max_kv_bytes = model_.WindowBytes(2, 53);
  Start(options);
  const auto small = Add(1, 1, Sampled(1));
  const auto large = Add(2, 1, Sampled(1));
  ASSERT_TRUE(large->end.has_value());
  EXPECT_TRUE(absl::IsResourceExhausted(*large->end));
  RunToEnd();
  EXPECT_TRUE(small->end->ok());
}

TEST_F(SchedulerTest, CancelFreesPlaceAndMemoryWithinOneStep) {
  Start({});
  const auto first = Add(4, 1, Sampled(1));
  const auto second = Add(4, 2, Sampled(2));
  scheduler_->RunStep();
  OpenAll();
  for (int i = 0; i < 10; ++i) scheduler_->RunStep();
  EXPECT_EQ(model_.open_windows(), 2);
  first->cancel.Cancel();
  scheduler_->RunStep();
  EXPECT_EQ(model_.open_windows(), 1);
  EXPECT_TRUE(absl::IsCancelled(*first->end));
  RunToEnd();
  EXPECT_EQ(second->made, FakeSong(4, 2, Sampled(2)));
}

TEST_F(SchedulerTest, CancelWhileTheWindowIsOpened) {
  Start({});
  auto song = Add(1, 1, Sampled(1));
  scheduler_->RunStep();
  song->cancel.Cancel();
  scheduler_->RunStep();
  EXPECT_TRUE(scheduler_->idle());
  EXPECT_TRUE(song->end.has_value());
  const std::weak_ptr<TestSong> listener = song;
  song = nullptr;
  EXPECT_FALSE(listener.expired()) << "a window is still being opened for it";
  OpenAll();
  EXPECT_TRUE(listener.expired());
  EXPECT_EQ(model_.open_windows(), 0);
}

TEST_F(SchedulerTest, DeadlinesEndRunningAndWaitingOnes) {
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  const absl::Duration sooner = clock_.Monotonic() + absl::Milliseconds(55);
  const absl::Duration later = clock_.Monotonic() + absl::Milliseconds(105);
  const auto running = Add(30, 1, Sampled(1), {}, "", later);
  const auto waiting = Add(30, 2, Sampled(2), {}, "", sooner);
  EXPECT_EQ(scheduler_->next_deadline(), sooner);
  scheduler_->RunStep();
  OpenAll();
  for (int i = 0; i < 7; ++i) scheduler_->RunStep();
  ASSERT_TRUE(waiting->end.has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded(*waiting->end));
  EXPECT_FALSE(running->end.has_value());
  RunToEnd();
  EXPECT_TRUE(absl::IsDeadlineExceeded(*running->end));
}

TEST_F(SchedulerTest, TheReportedDelayIsThatOfTheMomentAndGoesWithTheQueue) {
  GaugeSink sink(Gauge::kEstimatedQueueDelaySeconds);
  metrics_ = &sink;
  SchedulerOptions options;
  options.max_batch = 1;
  Start(options);
  Add(2, 1, Sampled(1));
  Add(4, 2, Sampled(2));
  scheduler_->RunStep();
  OpenAll();
  for (int i = 0; i < 50; ++i) {
    scheduler_->RunStep();
    // A step, and so a frame, takes 10 ms; frames come out complete 3 steps later.
    const int made = std::max(0, i + 1 - 3);
    EXPECT_NEAR(sink.value, (300 - made) * 0.01, 1e-9) << i;
  }
  RunToEnd();
  scheduler_->RunStep();
  EXPECT_EQ(sink.value, 0);
}

TEST_F(SchedulerTest, PrefillIsFedInPieces) {
  SchedulerOptions options;
  options.prefill_steps = 7;
  Start(options);
  const auto running = Add(30, 1, Sampled(1));
  scheduler_->RunStep();
  OpenAll();
  for (int i = 0; i < 5; ++i) scheduler_->RunStep();
  const std::vector<int32_t> song = FakeSong(20, 2, Sampled(2));
  const auto resumed = Add(20, 2, Sampled(2), {song.begin(), song.begin() + 800 * 4});
  scheduler_->RunStep();
  OpenAll();
  largest_prefill_ = 0;
  const size_t before = running->made.size();
  for (int i = 0; i < 20; ++i) scheduler_->RunStep();
  EXPECT_EQ(largest_prefill_, 7u);
  EXPECT_EQ(running->made.size(), before + 20 * 4) << "a token a step, prefill or not";
  RunToEnd();
  EXPECT_EQ(resumed->tokens(), song);
}

TEST_F(SchedulerTest, AFailingRequestLeavesTheOthersAlone) {
  Start({});
  const auto good = Add(2, 1, Sampled(1));
  const auto bad = Add(2, 2, Sampled(2));
  step_error_ = [&](absl::Span<StepRequest> requests) -> absl::Status {
    for (const StepRequest& request : requests) {
      if (request.sampling != nullptr && request.sampling->seed == 2 && request.frame == 40) {
        return absl::ResourceExhaustedError("out of memory");
      }
    }
    return absl::OkStatus();
  };
  RunToEnd();
  EXPECT_TRUE(absl::IsResourceExhausted(*bad->end));
  EXPECT_TRUE(good->end->ok());
  EXPECT_EQ(good->made, FakeSong(2, 1, Sampled(1)));
}

TEST_F(SchedulerTest, AThrowingStepIsAnError) {
  Start({});
  const auto song = Add(1, 1, Sampled(1));
  step_error_ = [&](absl::Span<StepRequest> requests) -> absl::Status {
    if (requests[0].sampling->greedy) return absl::OkStatus();  // a probe
    throw std::runtime_error("the device is on fire");
  };
  RunToEnd();
  EXPECT_TRUE(absl::IsInternal(*song->end));
}

TEST_F(SchedulerTest, AFailingWindowEndsItsRequest) {
  Start({});
  const auto song = Add(1, 1, Sampled(1));
  model_.on_open = [] { return absl::ResourceExhaustedError("no memory"); };
  RunToEnd();
  EXPECT_TRUE(absl::IsResourceExhausted(*song->end));
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
}

TEST_F(SchedulerTest, OthersGoOnWhileANewWindowIsOpened) {
  Start({});
  const auto longer = Add(31, 1, Sampled(1));
  scheduler_->RunStep();
  OpenAll();
  while (scheduler_->RunStep()) continue;  // until its first window has ended
  ASSERT_EQ(longer->made.size(), 1500u * 4);
  const auto other = Add(1, 2, Sampled(2));
  scheduler_->RunStep();
  ASSERT_EQ(opening_.size(), 2u);
  std::swap(opening_[0], opening_[1]);
  OpenOne();
  while (!other->end) ASSERT_TRUE(scheduler_->RunStep());
  EXPECT_FALSE(longer->end.has_value());
  RunToEnd();
  EXPECT_EQ(longer->made, FakeSong(31, 1, Sampled(1)));
}

}  // namespace
}  // namespace vidmuse
