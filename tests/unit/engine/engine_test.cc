// The engine's threads: which windows are opened first, and what happens to who throws.
#include "core/engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(30);

class Song final : public Generation {
 public:
  Song(int seconds, uint64_t video) {
    condition = FakeCondition(seconds, video);
    windows = PlanWindows(seconds);
  }
  void OnPlaced() override {}
  void OnFrames(int64_t first_frame, absl::Span<const int32_t> tokens) override {
    if (on_frames) on_frames(first_frame);
    made.insert(made.end(), tokens.begin(), tokens.end());
  }
  void OnGenerated(const absl::Status& status) override {
    if (on_generated) on_generated();
    end = status;
    ended.Notify();
  }

  std::function<void(int64_t first_frame)> on_frames;
  std::function<void()> on_generated;
  std::vector<int32_t> made;  // of the device thread until `ended`
  absl::Status end;
  Notification ended;
};

class EngineTest : public testing::Test {
 protected:
  void Start(MetricsSink* metrics) {
    SchedulerOptions options;
    options.max_kv_bytes = 1 << 30;
    engine_ = std::make_unique<Engine>(&model_, options, 1, &clock_, metrics);
  }

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
  const auto song = std::make_shared<Song>(31, 1);
  std::vector<std::shared_ptr<Song>> newcomers;
  for (int i = 0; i < 7; ++i) newcomers.push_back(std::make_shared<Song>(1, 100 + i));
  song->on_frames = [&](int64_t first_frame) {
    if (first_frame == 900) {
      for (const auto& newcomer : newcomers) engine_->Add(newcomer);
    }
    if (first_frame == 950) newcomer_begun.WaitFor(kSoon);
    if (first_frame == 1400) go.Notify();
    if (first_frame == 1500) passed.Notify();
  };
  engine_->Add(song);
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
  const auto first = std::make_shared<Song>(1, 1), second = std::make_shared<Song>(600, 2);
  first->on_generated = [&] { sink.fail = true; };
  second->on_generated = [&] { sink.fail = false; };
  engine_->Add(second);
  engine_->Add(first);
  ASSERT_TRUE(first->ended.WaitFor(kSoon));
  ASSERT_TRUE(second->ended.WaitFor(kSoon));
  EXPECT_EQ(first->end, absl::OkStatus());
  EXPECT_EQ(second->end.code(), absl::StatusCode::kResourceExhausted);
  const auto third = std::make_shared<Song>(2, 3);
  engine_->Add(third);
  ASSERT_TRUE(third->ended.WaitFor(kSoon));
  EXPECT_EQ(third->made, FakeSong(2, 3, SamplingOptions()));
}

TEST_F(EngineTest, AListenerThatThrowsLeavesTheDeviceThreadAlone) {
  Start(&null_metrics_);
  for (int i = 0; i < 3; ++i) {
    const auto bad = std::make_shared<Song>(1, 1), good = std::make_shared<Song>(1, 2);
    bad->on_frames = [](int64_t) { throw std::bad_alloc(); };
    engine_->Add(bad);
    engine_->Add(good);
    ASSERT_TRUE(bad->ended.WaitFor(kSoon));
    ASSERT_TRUE(good->ended.WaitFor(kSoon));
    EXPECT_EQ(bad->end.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(good->end, absl::OkStatus());
  }
}

}  // namespace
}  // namespace vidmuse
