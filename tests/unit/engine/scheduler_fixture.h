// A scheduler over the fake model, driven step by step.
#ifndef VIDMUSE_TESTS_SCHEDULER_FIXTURE_H_
#define VIDMUSE_TESTS_SCHEDULER_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/scheduler.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// Keeps what one gauge was last set to; -1 before.
class GaugeSink final : public MetricsSink {
 public:
  explicit GaugeSink(Gauge gauge) : gauge_(gauge) {}
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge gauge, double to) override {
    if (gauge == gauge_) value = to;
  }
  void Observe(Histogram, double, absl::string_view) override {}
  double value = -1;

 private:
  const Gauge gauge_;
};

// Keeps what the scheduler tells of a song.
class TestSong final : public SongListener {
 public:
  void OnPlaced() override {
    placed = true;
    if (on_placed) on_placed();
  }
  void OnFrames(int variant, int64_t first_frame, absl::Span<const int32_t> tokens) override {
    if (variant > 0) {
      others[variant].insert(others[variant].end(), tokens.begin(), tokens.end());
      return;
    }
    if (on_frames) on_frames(first_frame);
    EXPECT_EQ(first_frame * 4, static_cast<int64_t>(known.size() + made.size()));
    made.insert(made.end(), tokens.begin(), tokens.end());
    if (playback == nullptr || !deliver) return;
    const auto frames = static_cast<int64_t>(tokens.size()) / 4;
    playback->Deliver(clock->Monotonic(), FramesLength(frames), FramesLength(first_frame + frames));
  }
  void OnEnded(const absl::Status& status, const SongTimes&) override {
    if (on_ended) on_ended(status);
    EXPECT_FALSE(end.has_value()) << "ended twice";
    end = status;
  }
  size_t frames() const { return made.size() / 4; }
  // Those that were known, and those that were made.
  std::vector<int32_t> tokens() const {
    std::vector<int32_t> all = known;
    all.insert(all.end(), made.begin(), made.end());
    return all;
  }

  CancelFlag cancel;
  std::vector<uint64_t> more_seeds;  // of further variants
  bool placed = false;
  std::vector<int32_t> known;
  std::vector<int32_t> made;                   // of the first variant
  std::map<int, std::vector<int32_t>> others;  // made of the other variants
  std::optional<absl::Status> end;
  // Set for a stream: each frame reaches the listener at once, if `deliver`.
  std::shared_ptr<Playback> playback;
  const Clock* clock = nullptr;
  bool deliver = true;
  // Called first in each of the methods; they may throw.
  std::function<void()> on_placed;
  std::function<void(int64_t first_frame)> on_frames;
  std::function<void(const absl::Status&)> on_ended;
};

inline SamplingOptions Sampled(uint64_t seed) {
  SamplingOptions sampling;
  sampling.seed = seed;
  return sampling;
}

// A scheduler over the fake model; a step takes 10 ms of the manual clock, windows open when the
// test says so.
class SchedulerTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options) {
    if (options.max_kv_bytes == 0) options.max_kv_bytes = 1 << 30;
    largest_batch_ = 0;
    model_.on_step = [this](absl::Span<StepRequest> requests) {
      clock_.Advance(step_time_);
      largest_batch_ = std::max(largest_batch_, requests.size());
      size_t fed = 0;
      for (const StepRequest& request : requests) fed += request.tokens.size() / 4;
      largest_prefill_ = std::max(largest_prefill_, fed - requests.size());
      return step_error_ ? step_error_(requests) : absl::OkStatus();
    };
    scheduler_ =
        std::make_unique<Scheduler>(&model_, options, &clock_, metrics_,
                                    [this](PendingWindow w) { opening_.push_back(std::move(w)); });
  }

  std::shared_ptr<TestSong> Add(int seconds, uint64_t video, SamplingOptions sampling,
                                std::vector<int32_t> known = {}, const std::string& client_key = "",
                                absl::Duration deadline = absl::InfiniteDuration()) {
    return AddSong(std::make_shared<TestSong>(), seconds, video, sampling, std::move(known),
                   client_key, deadline);
  }
  // A song that is heard while it is made.
  std::shared_ptr<TestSong> AddStream(int seconds, uint64_t video,
                                      const std::string& client_key = "",
                                      std::vector<int32_t> known = {}) {
    auto added = std::make_shared<TestSong>();
    added->playback = std::make_shared<Playback>();
    added->clock = &clock_;
    return AddSong(std::move(added), seconds, video, Sampled(video), std::move(known), client_key,
                   absl::InfiniteDuration());
  }
  std::shared_ptr<TestSong> AddSong(std::shared_ptr<TestSong> added, int seconds, uint64_t video,
                                    SamplingOptions sampling, std::vector<int32_t> known,
                                    const std::string& client_key, absl::Duration deadline) {
    added->known = known;
    Song song;
    song.listener = added;
    song.client_key = client_key;
    song.playback = added->playback;
    const auto condition = FakeCondition(seconds, video);
    condition_ = condition;
    song.condition = std::make_shared<WholeCondition>(condition);
    song.windows = PlanWindows(seconds);
    song.variants.push_back({sampling, std::move(known)});
    for (const uint64_t seed : added->more_seeds) song.variants.push_back({Sampled(seed), {}});
    song.deadline = deadline;
    song.cancel = added->cancel;
    scheduler_->Add(++songs_, std::move(song));
    return added;
  }

  void OpenOne() {
    PendingWindow pending = std::move(opening_.front());
    opening_.pop_front();
    pending.condition->Get(pending.window, [&](absl::StatusOr<WindowCondition> condition) {
      scheduler_->WindowOpened(pending.song,
                               model_.OpenWindows(*condition->condition, pending.window.first_local,
                                                  pending.window.local_count, pending.capacity,
                                                  pending.count, pending.cancel),
                               absl::Milliseconds(1));
    });
  }
  void OpenAll() {
    while (!opening_.empty()) OpenOne();
  }
  void RunToEnd() {
    while (!scheduler_->idle()) {
      OpenAll();
      scheduler_->RunStep();
    }
  }

  ManualClock clock_;
  absl::Duration step_time_ = absl::Milliseconds(10);
  NullMetricsSink null_metrics_;
  MetricsSink* metrics_ = &null_metrics_;
  FakeModel model_;
  std::function<absl::Status(absl::Span<StepRequest>)> step_error_;
  std::deque<PendingWindow> opening_;
  SongId songs_ = 0;                               // added so far
  std::weak_ptr<const VideoCondition> condition_;  // of the last one
  std::unique_ptr<Scheduler> scheduler_;
  size_t largest_batch_ = 0;
  size_t largest_prefill_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SCHEDULER_FIXTURE_H_
