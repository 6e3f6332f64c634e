// The engine's threads: which windows are opened first, and what happens to who throws.
#include "core/engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(30);

// Keeps what the engine tells of a song.
class TestSong final : public SongListener {
 public:
  void OnPlaced() override {}
  void OnFrames(int, int64_t first_frame, absl::Span<const int32_t> tokens) override {
    if (on_frames) on_frames(first_frame);
    made.insert(made.end(), tokens.begin(), tokens.end());
  }
  void OnEnded(const absl::Status& status, const SongTimes&) override {
    if (on_ended) on_ended();
    end = status;
    ended.Notify();
  }

  std::function<void(int64_t first_frame)> on_frames;
  std::function<void()> on_ended;
  std::vector<int32_t> made;  // of the device thread until `ended`
  absl::Status end;
  Notification ended;
};

class EngineTest : public testing::Test {
 protected:
  void Start(MetricsSink* metrics) {
    SchedulerOptions options;
    options.max_batch = max_batch_;
    options.max_kv_bytes = 1 << 30;
    engine_ = std::make_unique<Engine>(&model_, options, 1, &clock_, metrics);
  }

  SongId Add(std::shared_ptr<SongListener> listener, int seconds, uint64_t video) {
    Song song;
    song.listener = std::move(listener);
    song.condition = std::make_shared<WholeCondition>(FakeCondition(seconds, video));
    song.variants.resize(1);
    song.windows = PlanWindows(seconds);
    return engine_->Add(std::move(song));
  }

  int max_batch_ = 8;
  ManualClock clock_;
  NullMetricsSink null_metrics_;
  FakeModel model_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, ARunningSongsNextWindowGoesBeforeNewcomersFirst) {
  Notification newcomer_begun, go, passed;
  std::atomic<int> windows{0};
  model_.on_open = [&] {
    // The song's first window, then a newcomer's, which takes until the song has asked for its
    // second one. Only one more is opened until the song has begun that.
    const int window = ++windows;
    if (window == 2) {
      newcomer_begun.Notify();
      go.WaitFor(kSoon);
    }
    if (window == 4) {
      EXPECT_TRUE(passed.WaitFor(kSoon)) << "the third was a newcomer's";
    }
    return absl::OkStatus();
  };
  Start(&null_metrics_);
  const auto song = std::make_shared<TestSong>();
  std::vector<std::shared_ptr<TestSong>> newcomers;
  for (int i = 0; i < 7; ++i) newcomers.push_back(std::make_shared<TestSong>());
  song->on_frames = [&](int64_t first_frame) {
    if (first_frame == 900) {
      for (int i = 0; i < 7; ++i) Add(newcomers[i], 1, 100 + i);
    }
    if (first_frame == 950) newcomer_begun.WaitFor(kSoon);
    if (first_frame == 1400) go.Notify();
    if (first_frame == 1500) passed.Notify();
  };
  Add(song, 31, 1);
  ASSERT_TRUE(song->ended.WaitFor(kSoon));
  for (const auto& newcomer : newcomers) ASSERT_TRUE(newcomer->ended.WaitFor(kSoon));
  EXPECT_EQ(song->made, FakeSong(31, 1, SamplingOptions()));
}

// Runs out of memory on command.
class FailingSink final : public MetricsSink {
 public:
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {
    if (fail) throw std::bad_alloc();
  }
  std::atomic<bool> fail{false};
};

TEST_F(EngineTest, NoMemoryBetweenStepsEndsWhatRunsAndNothingElse) {
  FailingSink sink;
  Start(&sink);
  const auto first = std::make_shared<TestSong>(), second = std::make_shared<TestSong>();
  first->on_ended = [&] { sink.fail = true; };
  second->on_ended = [&] { sink.fail = false; };
  Add(second, 600, 2);
  Add(first, 1, 1);
  ASSERT_TRUE(first->ended.WaitFor(kSoon));
  ASSERT_TRUE(second->ended.WaitFor(kSoon));
  EXPECT_EQ(first->end, absl::OkStatus());
  EXPECT_EQ(second->end.code(), absl::StatusCode::kResourceExhausted);
  const auto third = std::make_shared<TestSong>();
  Add(third, 2, 3);
  ASSERT_TRUE(third->ended.WaitFor(kSoon));
  EXPECT_EQ(third->made, FakeSong(2, 3, SamplingOptions()));
  engine_ = nullptr;  // before the sink that it reports to
}

// From the moment in which it is added: also while the scheduler, which has taken it, is in a step.
TEST_F(EngineTest, AWaitingSongIsCountedAndHasAPlace) {
  Notification begun[2], go[2];
  std::atomic<int> steps{0};
  model_.on_step = [&](absl::Span<StepRequest>) {
    const int step = steps++;
    if (step < 2) {
      begun[step].Notify();
      go[step].WaitFor(kSoon);
    }
    return absl::OkStatus();
  };
  max_batch_ = 1;
  Start(&null_metrics_);
  const auto running = std::make_shared<TestSong>(), first = std::make_shared<TestSong>(),
             second = std::make_shared<TestSong>();
  Add(running, 1, 1);
  ASSERT_TRUE(begun[0].WaitFor(kSoon));
  const SongId id = Add(first, 2, 2);
  EXPECT_EQ(engine_->load().waiting.size(), 1u);
  EXPECT_EQ(engine_->PlaceOf(id).position, 1);
  go[0].Notify();
  ASSERT_TRUE(begun[1].WaitFor(kSoon));
  EXPECT_EQ(engine_->load().waiting.size(), 1u);
  EXPECT_EQ(engine_->load().backlog_frames(), 50 + 100);
  EXPECT_EQ(engine_->PlaceOf(Add(second, 3, 3)).position, 2);
  EXPECT_EQ(engine_->PlaceOf(id).position, 1);
  go[1].Notify();
  for (const auto& song : {running, first, second}) ASSERT_TRUE(song->ended.WaitFor(kSoon));
  engine_ = nullptr;  // before what its model refers to
}

TEST_F(EngineTest, AListenerThatThrowsLeavesTheDeviceThreadAlone) {
  Start(&null_metrics_);
  for (int i = 0; i < 3; ++i) {
    const auto bad = std::make_shared<TestSong>(), good = std::make_shared<TestSong>();
    bad->on_frames = [](int64_t) { throw std::bad_alloc(); };
    Add(bad, 1, 1);
    Add(good, 1, 2);
    ASSERT_TRUE(bad->ended.WaitFor(kSoon));
    ASSERT_TRUE(good->ended.WaitFor(kSoon));
    EXPECT_EQ(bad->end.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(good->end, absl::OkStatus());
  }
}

}  // namespace
}  // namespace vidmuse
