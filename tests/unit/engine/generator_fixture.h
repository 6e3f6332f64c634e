// The generator's threads over the fake model, for tests.
#ifndef VIDMUSE_TESTS_UNIT_ENGINE_GENERATOR_FIXTURE_H_
#define VIDMUSE_TESTS_UNIT_ENGINE_GENERATOR_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/generator/generator_impl.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"

namespace vidmuse {

inline constexpr absl::Duration kSoon = absl::Seconds(30);

inline std::vector<uint16_t> Tokens(const std::vector<int32_t>& tokens) {
  return {tokens.begin(), tokens.end()};
}

// Keeps what was reported.
class RecordingSink final : public MetricsSink {
 public:
  void Add(Counter counter, double value, absl::string_view label) override {
    MutexLock lock(&mutex_);
    counters_[counter][std::string(label)] += value;
  }
  void Set(Gauge, double) override {}
  void Observe(Histogram histogram, double value, absl::string_view) override {
    MutexLock lock(&mutex_);
    observed_[histogram].push_back(value);
  }

  // By label.
  std::map<std::string, double> counter(Counter counter) {
    MutexLock lock(&mutex_);
    return counters_[counter];
  }
  std::vector<double> observed(Histogram histogram) {
    MutexLock lock(&mutex_);
    return observed_[histogram];
  }
  std::map<std::string, double> requests() { return counter(Counter::kRequests); }

 private:
  Mutex mutex_;
  std::map<Counter, std::map<std::string, double>> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<Histogram, std::vector<double>> observed_ ABSL_GUARDED_BY(mutex_);
};

class GeneratorTest : public ::testing::Test {
 protected:
  void Start(GeneratorOptions options = {}) {
    options.max_kv_bytes = 1 << 30;
    auto model = std::make_unique<FakeModel>();
    model_ = model.get();
    if (prepare_) prepare_(*model);
    auto opener = [this](const std::string& file, const Limits&, int max_seconds) {
      const uint64_t bytes = file.size();
      return std::make_unique<VideoReader>(
          [this, file, max_seconds](const FramePart& part, const CancelFlag& cancel) {
            return Decode(file, max_seconds, part, cancel);
          },
          bytes);
    };
    auto generator =
        NewGenerator(std::move(model), OpeningComplete(opener), options, clock_in_use_, &metrics_);
    ASSERT_TRUE(generator.ok()) << generator.status();
    generator_ = *std::move(generator);
  }

  static GenerationRequest Request(LoudnessMode loudness = LoudnessMode::kNone) {
    GenerationRequest request;
    request.seed_is_set = true;
    request.sampling.seed = 7;
    request.format = AudioFormat::kPcmF32le;
    request.loudness = loudness;
    request.return_tokens = true;
    return request;
  }

  std::unique_ptr<MusicStream> Submit(GenerationRequest request, const std::string& video) {
    auto stream = generator_->Submit(std::move(request));
    EXPECT_TRUE(stream.ok()) << stream.status();
    if (!stream.ok()) return nullptr;
    EXPECT_TRUE((*stream)->AppendVideo(video).ok());
    EXPECT_TRUE((*stream)->FinishVideo().ok());
    return *std::move(stream);
  }

  // The next event but for progress.
  static absl::StatusOr<StreamEvent> ReadOne(MusicStream& stream) {
    absl::StatusOr<StreamEvent> event = ReadEvent(stream, kSoon);
    while (event.ok() && std::holds_alternative<GenerationProgress>(*event)) {
      event = ReadEvent(stream, kSoon);
    }
    return event;
  }
  static ReadSong ReadAll(MusicStream& stream) { return ReadToEnd(stream, kSoon); }

  // The fake video's file is its length and its seed.
  absl::StatusOr<VideoFrames> Decode(const std::string& file, int max_seconds,
                                     const FramePart& part, const CancelFlag& cancel) {
    if (part.first == 0 && on_decode_) on_decode_();
    if (part.first > 0 && on_decode_more_) RETURN_IF_ERROR(on_decode_more_(part, cancel));
    if (cancel.cancelled()) return absl::CancelledError("cancelled");
    int seconds;
    uint64_t seed;
    if (sscanf(file.c_str(), "%d %lu", &seconds, &seed) != 2) {
      return absl::InvalidArgumentError("not a video");
    }
    if (max_seconds > 0) seconds = std::min(seconds, max_seconds);
    VideoFrames frames = FakeFrames(seconds, seed);
    if (whole_) return frames;
    const int end = std::min(part.first + part.count, 2 * seconds);
    frames.local.erase(frames.local.begin() + end, frames.local.end());
    frames.local.erase(frames.local.begin(), frames.local.begin() + part.first);
    if (!part.has_global()) frames.global.clear();
    return frames;
  }

  RecordingSink metrics_;
  ManualClock clock_;
  const Clock* clock_in_use_ = Clock::Real();
  std::function<void(FakeModel&)> prepare_;
  bool whole_ = false;  // the first part has all frames
  // Called when the first part is decoded, and when a later one is.
  std::function<void()> on_decode_;
  std::function<absl::Status(const FramePart&, const CancelFlag&)> on_decode_more_;
  FakeModel* model_ = nullptr;
  std::unique_ptr<Generator> generator_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_ENGINE_GENERATOR_FIXTURE_H_
