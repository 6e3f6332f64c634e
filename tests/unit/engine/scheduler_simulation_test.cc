// A simulation of a busy server: the real scheduler on a device whose steps take the time that was
// measured on a GPU, songs that come at random, and their listeners. It prints the table of
// core/model/performance.md and checks what it shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/scheduler.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/sanitized.h"

namespace vidmuse {
namespace {

constexpr int kPlaces = 8;
// A step of n songs takes 3.4 ms and 0.42 ms for each (NVIDIA H200, small scale, fp16).
constexpr absl::Duration kStepTime = absl::Microseconds(3400);
constexpr absl::Duration kRowTime = absl::Microseconds(420);
constexpr absl::Duration kOpenTime = absl::Microseconds(4200);
constexpr double kShortest = 10, kLongest = 600;  // seconds of music
constexpr int kSongs = kSanitized ? 40 : 250;

class SimulatedWindow final : public Window {
 public:
  int length() const override { return 0; }
  int capacity() const override { return 1 << 20; }
};

class SimulatedCondition final : public VideoCondition {
 public:
  int local_frames() const override { return 1 << 20; }
  size_t bytes() const override { return 0; }
};

// Draws zeros. Memory is counted in windows.
class SimulatedModel final : public MusicModel {
 public:
  explicit SimulatedModel(ManualClock* clock) : clock_(clock) {}
  const ModelInfo& info() const override { return info_; }
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(const VideoFrames&,
                                                                    const CancelFlag&) override {
    return std::make_shared<SimulatedCondition>();
  }
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(const VideoCondition&, int,
                                                                   const VideoFrames&,
                                                                   const CancelFlag&) override {
    return std::make_shared<SimulatedCondition>();
  }
  size_t ConditionBytes(int) const override { return 0; }
  size_t ContinuationBytes() const override { return 0; }
  size_t WindowBytes(int, int) const override { return 1; }
  absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition&, int, int, int,
                                                     const CancelFlag&) override {
    return std::make_unique<SimulatedWindow>();
  }
  absl::Status Step(absl::Span<StepRequest> requests) override {
    clock_->Advance(kStepTime + static_cast<int64_t>(requests.size()) * kRowTime);
    for (const StepRequest& request : requests) {
      if (request.sampling != nullptr) std::fill_n(request.next_tokens, info_.codebooks, 0);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() override {
    return absl::UnimplementedError("no audio");
  }

 private:
  ManualClock* const clock_;
  ModelInfo info_;
};

// A song and its listener, who begins with the first half second of audio.
class Stream final : public SongListener {
 public:
  // With `patient`, nobody hears it while it is made.
  Stream(const ManualClock* clock, absl::Duration arrival, int seconds, bool patient)
      : arrival(arrival),
        seconds(seconds),
        playback(patient ? nullptr : std::make_shared<Playback>()),
        clock_(clock) {}

  void OnPlaced() override {}
  void OnFrames(int, int64_t first_frame, absl::Span<const int32_t> tokens) override {
    made_ = first_frame + static_cast<int64_t>(tokens.size()) / 4;
    if (playback == nullptr) return;
    if (made_ - heard_from_ >= kChunk || made_ == int64_t{seconds} * kFrameRate) Deliver();
  }
  void OnEnded(const absl::Status& status, const SongTimes&) override {
    EXPECT_EQ(status, absl::OkStatus());
    ++ended;
    took = clock_->Monotonic() - arrival;
  }

  const absl::Duration arrival;
  const int seconds;
  const std::shared_ptr<Playback> playback;
  std::optional<absl::Duration> first_audio;
  bool dry = false;
  int ended = 0;
  absl::Duration took;

 private:
  static constexpr int64_t kChunk = kFrameRate / 2;

  void Deliver() {
    const absl::Duration now = clock_->Monotonic();
    if (!first_audio) first_audio = now - arrival;
    const auto left =
        playback->Deliver(now, FramesLength(made_ - heard_from_), FramesLength(made_));
    dry |= left.has_value() && *left < absl::ZeroDuration();
    heard_from_ = made_;
  }

  const ManualClock* const clock_;
  int64_t made_ = 0, heard_from_ = 0;  // frames; those before the second were delivered
};

// One thread that opens windows, urgent ones first.
class Opener {
 public:
  void Ask(PendingWindow pending) {
    (pending.urgent ? urgent_ : normal_).push_back(std::move(pending));
  }
  absl::Duration next() const { return busy_ ? done_ : absl::InfiniteDuration(); }
  // Hands over what is open by now, and begins with the next window.
  void Run(absl::Duration now, Scheduler& scheduler) {
    if (busy_ && done_ <= now) {
      VariantWindows windows;
      windows.push_back(std::make_unique<SimulatedWindow>());
      scheduler.WindowOpened(busy_->song, std::move(windows), kOpenTime);
      busy_.reset();
    }
    std::deque<PendingWindow>& next = urgent_.empty() ? normal_ : urgent_;
    if (busy_ || next.empty()) return;
    busy_ = std::move(next.front());
    next.pop_front();
    done_ = now + kOpenTime;
  }

 private:
  std::deque<PendingWindow> urgent_, normal_;
  std::optional<PendingWindow> busy_;
  absl::Duration done_;
};

struct Result {
  double median = 0, p99 = 0;  // seconds to the first audio
  int dry = 0;                 // streams that ran dry
  double throughput = 0;       // seconds of music made in a second
  double patient = 0;          // mean seconds to the end of a patient song
};

double Quantile(const std::vector<double>& sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(q * sorted.size()))];
}

class Simulation {
 public:
  // `load`: what arrives, as a share of what the device can make. `windows`: how many the memory
  // holds. `patient`: how many of the songs nobody hears while they are made.
  Simulation(double load, absl::Duration stream_lead, int windows, double patient)
      : model_(&clock_) {
    SchedulerOptions options;
    options.max_batch = kPlaces;
    options.max_kv_bytes = windows;
    options.stream_lead = stream_lead;
    scheduler_ = std::make_unique<Scheduler>(
        &model_, options, &clock_, &metrics_,
        [this](PendingWindow pending) { opener_.Ask(std::move(pending)); });
    // Lengths are spread evenly over their logarithms.
    const double mean = (kLongest - kShortest) / std::log(kLongest / kShortest);
    std::mt19937_64 random(1);
    std::exponential_distribution<double> gap(load * Capacity() / mean);
    std::uniform_real_distribution<double> length(std::log(kShortest), std::log(kLongest));
    absl::Duration arrival = clock_.Monotonic();
    for (int i = 0; i < kSongs; ++i) {
      arrival += absl::Seconds(gap(random));
      const int seconds = static_cast<int>(std::exp(length(random)));
      const bool waits = static_cast<int>(patient * (i + 1)) > static_cast<int>(patient * i);
      streams_.push_back(std::make_shared<Stream>(&clock_, arrival, seconds, waits));
    }
  }

  // Seconds of music in a second, with all places taken.
  static double Capacity() {
    return kPlaces / absl::ToDoubleSeconds(kStepTime + kPlaces * kRowTime) / kFrameRate;
  }

  Result Run() {
    const absl::Duration begin = streams_.front()->arrival;
    while (Advance()) continue;
    std::vector<double> first_audio;
    Result result;
    double music = 0, patient = 0;
    for (const auto& stream : streams_) {
      EXPECT_EQ(stream->ended, 1);
      music += stream->seconds;
      if (stream->playback == nullptr) {
        patient += absl::ToDoubleSeconds(stream->took);
        continue;
      }
      first_audio.push_back(absl::ToDoubleSeconds(stream->first_audio.value()));
      result.dry += stream->dry;
    }
    std::sort(first_audio.begin(), first_audio.end());
    const size_t patient_songs = streams_.size() - first_audio.size();
    if (patient_songs > 0) result.patient = patient / static_cast<double>(patient_songs);
    result.median = Quantile(first_audio, 0.5);
    result.p99 = Quantile(first_audio, 0.99);
    result.throughput = music / absl::ToDoubleSeconds(clock_.Monotonic() - begin);
    return result;
  }

 private:
  // Runs a step, or goes on to the next thing that happens. Returns false when nothing is left.
  bool Advance() {
    absl::Duration now = clock_.Monotonic();
    for (; next_ < streams_.size() && streams_[next_]->arrival <= now; ++next_) Add(next_);
    opener_.Run(now, *scheduler_);
    if (scheduler_->RunStep()) return true;
    now = clock_.Monotonic();
    opener_.Run(now, *scheduler_);
    absl::Duration next = opener_.next();
    if (next_ < streams_.size()) next = std::min(next, streams_[next_]->arrival);
    if (next == absl::InfiniteDuration()) return false;
    clock_.Advance(std::max(next - now, absl::ZeroDuration()));
    return true;
  }

  void Add(size_t i) {
    Song song;
    song.variants.resize(1);
    song.listener = streams_[i];
    song.condition = std::make_shared<WholeCondition>(condition_);
    song.playback = streams_[i]->playback;
    song.windows = PlanWindows(streams_[i]->seconds);
    scheduler_->Add(i + 1, std::move(song));
  }

  ManualClock clock_;
  NullMetricsSink metrics_;
  SimulatedModel model_;
  Opener opener_;
  const std::shared_ptr<const VideoCondition> condition_ = std::make_shared<SimulatedCondition>();
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::shared_ptr<Stream>> streams_;
  size_t next_ = 0;  // the next stream to arrive
};

std::string Row(const Result& result) {
  char text[100];
  std::snprintf(text, sizeof(text), "%.2f / %.1f | %d | %.1f |", result.median, result.p99,
                result.dry, result.throughput);
  return text;
}

// Prints a line of the table for each load, and checks it.
void Simulate(int windows, const std::vector<double>& loads, double patient = 0) {
  std::printf(
      "Memory for %d windows, %d songs, %.0f%% of them patient; at most %.1f s of music a second\n"
      "| load | first come first placed: first audio p50 / p99, s | dry | music a second | "
      "by urgency: first audio p50 / p99, s | dry | music a second |\n|---|---|---|---|---|"
      "---|---|\n",
      windows, kSongs, 100 * patient, Simulation::Capacity());
  for (const double load : loads) {
    const Result first_come = Simulation(load, absl::InfiniteDuration(), windows, patient).Run();
    const Result urgent = Simulation(load, SchedulerOptions().stream_lead, windows, patient).Run();
    std::printf("| %.1f | %s %s\n", load, Row(first_come).c_str(), Row(urgent).c_str());
    EXPECT_GE(urgent.throughput, 0.98 * first_come.throughput) << load;
    if (patient > 0) {
      std::printf("mean time of a patient song: %.0f s, %.0f s\n", first_come.patient,
                  urgent.patient);
      EXPECT_LE(urgent.patient, 1.05 * first_come.patient);
    }
    if (load <= 1 || patient > 0) {
      EXPECT_EQ(urgent.dry, 0) << load;
    }
    if (load != 0.9 || kSanitized) continue;
    EXPECT_LE(urgent.p99, 0.1 * first_come.p99);
  }
}

TEST(SchedulerSimulationTest, StreamsBeginSoonAndDontRunDry) {
  Simulate(kPlaces, {0.5, 0.7, 0.9, 1.0, 1.2});
}

TEST(SchedulerSimulationTest, WithMemoryForMoreWindowsThanPlacesTheyBeginAtOnce) {
  Simulate(4 * kPlaces, {0.9});
}

TEST(SchedulerSimulationTest, PatientSongsTakeWhatIsLeft) { Simulate(kPlaces, {1.2}, 0.3); }

}  // namespace
}  // namespace vidmuse
