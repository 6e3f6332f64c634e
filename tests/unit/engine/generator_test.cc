// The generator's threads over the fake model: streams, cancellation at every stage, slow readers,
// refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/audio/audio_encoder.h"
#include "core/generator/generator_impl.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "tests/support/stream_reader.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(30);

std::vector<uint16_t> Tokens(const std::vector<int32_t>& tokens) {
  return {tokens.begin(), tokens.end()};
}

class GeneratorTest : public ::testing::Test {
 protected:
  void Start(GeneratorOptions options = {}) {
    options.max_kv_bytes = 1 << 30;
    auto model = std::make_unique<FakeModel>();
    model_ = model.get();
    if (prepare_) prepare_(*model);
    auto sampler = [this](absl::string_view file, const Limits&, int max_seconds,
                          const CancelFlag& cancel) -> absl::StatusOr<VideoFrames> {
      if (on_decode_) on_decode_();
      if (cancel.cancelled()) return absl::CancelledError("cancelled");
      // The fake video's file is its length and its seed.
      int seconds;
      uint64_t seed;
      if (sscanf(std::string(file).c_str(), "%d %lu", &seconds, &seed) != 2) {
        return absl::InvalidArgumentError("not a video");
      }
      return FakeFrames(max_seconds > 0 ? std::min(seconds, max_seconds) : seconds, seed);
    };
    auto generator = NewGenerator(std::move(model), sampler, options, clock_in_use_, metrics_);
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

  static absl::StatusOr<StreamEvent> ReadOne(MusicStream& stream) {
    return ReadEvent(stream, kSoon);
  }
  static ReadSong ReadAll(MusicStream& stream) { return ReadToEnd(stream, kSoon); }

  NullMetricsSink null_metrics_;
  MetricsSink* metrics_ = &null_metrics_;
  const Clock* clock_in_use_ = Clock::Real();
  std::function<void(FakeModel&)> prepare_;
  std::function<void()> on_decode_;
  FakeModel* model_ = nullptr;
  std::unique_ptr<Generator> generator_;
};

TEST_F(GeneratorTest, MakesTheSong) {
  Start();
  const auto stream = Submit(Request(), "4 11");
  const ReadSong song = ReadAll(*stream);
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(song.tokens, Tokens(FakeSong(4, 11, Request().sampling)));
  EXPECT_EQ(song.bytes.size(), 4u * 32000 * sizeof(float));
  EXPECT_EQ(song.started.total_samples, 4 * 32000);
  EXPECT_EQ(song.finished->total_frames, 200);
  EXPECT_GT(song.finished->seconds.first_audio, 0);
  int64_t next_sample = 0;
  for (const AudioChunk& chunk : song.chunks) {
    EXPECT_EQ(chunk.first_sample, next_sample);
    next_sample += chunk.num_samples;
  }
  EXPECT_EQ(next_sample, 4 * 32000);
}

TEST_F(GeneratorTest, BytesDontDependOnChunksOrCompany) {
  Start();
  for (const AudioFormat format :
       {AudioFormat::kWav, AudioFormat::kPcmS16le, AudioFormat::kPcmF32le, AudioFormat::kFlac,
        AudioFormat::kMp3, AudioFormat::kOggVorbis}) {
    for (const LoudnessMode loudness :
         {LoudnessMode::kNone, LoudnessMode::kStreaming, LoudnessMode::kReference}) {
      GenerationRequest request = Request(loudness);
      request.format = format;
      const ReadSong alone = ReadAll(*Submit(request, "3 11"));
      ASSERT_TRUE(alone.finished.ok()) << alone.finished.status();
      std::vector<std::unique_ptr<MusicStream>> company;
      for (int i = 0; i < 5; ++i) company.push_back(Submit(Request(), "5 " + std::to_string(i)));
      for (const double seconds : {0.02, 0.3, 1.0, 30.0}) {
        request.chunk_seconds = seconds;
        const ReadSong song = ReadAll(*Submit(request, "3 11"));
        ASSERT_TRUE(song.finished.ok()) << song.finished.status();
        EXPECT_EQ(song.bytes, alone.bytes);
        EXPECT_EQ(song.tokens, alone.tokens);
      }
    }
  }
}

// Frames whose tokens came before the first audio or with it.
TEST_F(GeneratorTest, TheFirstAudioNeedsFewFrames) {
  Start();
  for (const auto& [loudness, frames] :
       {std::pair{LoudnessMode::kNone, 13}, {LoudnessMode::kStreaming, 26}}) {
    const ReadSong song = ReadAll(*Submit(Request(loudness), "5 3"));
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    size_t tokens = 0, i = 0;
    for (; i < song.chunks.size(); ++i) {
      tokens += song.chunks[i].tokens.size();
      if (!song.chunks[i].data.empty()) break;
    }
    EXPECT_EQ(tokens, 4u * frames);
    ASSERT_LT(i + 1, song.chunks.size());
    EXPECT_EQ(song.chunks[i + 1].tokens.size(), 4u * 26) << "chunks grow";
  }
}

TEST_F(GeneratorTest, ResumesAtEveryChunk) {
  Start();
  for (const LoudnessMode loudness :
       {LoudnessMode::kNone, LoudnessMode::kStreaming, LoudnessMode::kReference}) {
    for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kMp3}) {
      GenerationRequest request = Request(loudness);
      request.format = format;
      const ReadSong whole = ReadAll(*Submit(request, "5 3"));
      std::string bytes;
      std::vector<uint16_t> tokens;
      for (const AudioChunk& chunk : whole.chunks) {
        bytes += chunk.data;
        tokens.insert(tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
        request.resume = ResumePoint{tokens, bytes.size()};
        const ReadSong rest = ReadAll(*Submit(request, "5 3"));
        ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
        EXPECT_EQ(bytes + rest.bytes, whole.bytes);
        std::vector<uint16_t> joined = tokens;
        joined.insert(joined.end(), rest.tokens.begin(), rest.tokens.end());
        EXPECT_EQ(joined, whole.tokens);
        if (!rest.chunks.empty() && !rest.chunks[0].data.empty()) {
          EXPECT_EQ(rest.chunks[0].first_sample, chunk.first_sample + chunk.num_samples);
        }
      }
    }
  }
}

TEST_F(GeneratorTest, WrongResumePointsAreRefused) {
  Start();
  GenerationRequest request = Request();
  request.resume = ResumePoint{std::vector<uint16_t>(3, 1), 0};
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(request).status()));
  request.resume = ResumePoint{std::vector<uint16_t>(4, 2048), 0};
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(request).status()));
  request.resume = ResumePoint{std::vector<uint16_t>(4 * 51, 1), 0};
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Submit(request, "1 1")).finished.status()));
  request.resume = ResumePoint{std::vector<uint16_t>(4 * 50, 1), 1000000};
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Submit(request, "1 1")).finished.status()));
}

TEST_F(GeneratorTest, ASlowReaderHoldsUpOnlyItself) {
  GeneratorOptions options;
  options.limits.max_stream_buffer_bytes = 100000;
  options.limits.max_batch = 1;
  Start(options);
  const auto slow = Submit(Request(), "60 1");  // 7.7 MB of samples, unread
  for (int i = 0; i < 3; ++i) {
    const ReadSong song = ReadAll(*Submit(Request(), "2 2"));
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  }
  const ReadSong song = ReadAll(*slow);
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(song.tokens, Tokens(FakeSong(60, 1, Request().sampling)));
}

TEST_F(GeneratorTest, AQueueThatIsFullRefusesAtOnce) {
  GeneratorOptions options;
  options.limits.max_queued_requests = 2;
  Start(options);
  auto first = generator_->Submit(Request());
  auto second = generator_->Submit(Request());
  const absl::Status refused = generator_->Submit(Request()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(RetryAfter(refused).has_value());
  first = absl::CancelledError("");
  EXPECT_TRUE(generator_->Submit(Request()).ok());
}

TEST_F(GeneratorTest, LimitsOfBytes) {
  GeneratorOptions options;
  options.limits.max_video_bytes = 10;
  options.limits.max_queued_bytes = 15;
  Start(options);
  auto first = *generator_->Submit(Request());
  EXPECT_TRUE(first->AppendVideo("12345678").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(first->AppendVideo("123")));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOne(*first).status()));
  auto second = *generator_->Submit(Request());
  EXPECT_TRUE(absl::IsResourceExhausted(second->AppendVideo("12345678")));
  first = nullptr;
  second = nullptr;
  auto third = *generator_->Submit(Request());
  EXPECT_TRUE(third->AppendVideo("12345678").ok());
  GenerationRequest declared = Request();
  declared.declared_bytes = 11;
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(declared).status()));
  declared.declared_bytes = 9;
  EXPECT_TRUE(absl::IsResourceExhausted(generator_->Submit(declared).status()));
}

TEST_F(GeneratorTest, DeadlinesAtEveryStage) {
  Start();
  GenerationRequest request = Request();
  request.time_limit = absl::ZeroDuration();
  EXPECT_TRUE(absl::IsDeadlineExceeded(generator_->Submit(request).status()));
  request.time_limit = absl::Milliseconds(50);
  auto uploading = generator_->Submit(request);
  ASSERT_TRUE(uploading.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(ReadOne(**uploading).status()));
}

TEST_F(GeneratorTest, ErrorsOfEachStageReachTheReader) {
  Start();
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Submit(Request(), "garbage")).finished.status()));
  model_->on_encode = [] { return absl::ResourceExhaustedError("no memory to encode"); };
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  model_->on_encode = []() -> absl::Status { throw std::bad_alloc(); };
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  model_->on_encode = nullptr;
  model_->on_open = []() -> absl::Status { throw std::bad_alloc(); };
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  model_->on_open = []() -> absl::Status { throw std::runtime_error("broken"); };
  EXPECT_TRUE(absl::IsInternal(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  model_->on_open = nullptr;
  model_->on_audio = [] { return absl::InternalError("codec"); };
  EXPECT_TRUE(absl::IsInternal(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  model_->on_audio = nullptr;
  EXPECT_TRUE(ReadAll(*Submit(Request(), "1 1")).finished.ok());
}

class UnderrunTest : public GeneratorTest {
 protected:
  // Streams counted for a song of 4 s whose decoded pieces take `seconds` each.
  double Underruns(double seconds, LoudnessMode loudness) {
    CountingSink counts;
    metrics_ = &counts;
    clock_in_use_ = &clock_;
    Start();
    model_->on_audio = [this, seconds] {
      clock_.Advance(absl::Seconds(seconds));
      return absl::OkStatus();
    };
    GenerationRequest request = Request(loudness);
    request.chunk_seconds = 0.25;
    EXPECT_TRUE(ReadAll(*Submit(std::move(request), "4 1")).finished.ok());
    generator_ = nullptr;
    return counts.underruns();
  }

 private:
  class CountingSink final : public MetricsSink {
   public:
    void Add(Counter counter, double value, absl::string_view) override {
      if (counter != Counter::kStreamUnderruns) return;
      MutexLock lock(&mutex_);
      underruns_ += value;
    }
    void Set(Gauge, double) override {}
    void Observe(Histogram, double, absl::string_view) override {}
    double underruns() {
      MutexLock lock(&mutex_);
      return underruns_;
    }

   private:
    Mutex mutex_;
    double underruns_ ABSL_GUARDED_BY(mutex_) = 0;
  };

  ManualClock clock_;
};

TEST_F(UnderrunTest, AStreamThatRunsDryIsCountedOnce) {
  EXPECT_EQ(Underruns(0.15, LoudnessMode::kNone), 0);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kNone), 1);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kStreaming), 1);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kReference), 0);  // not played while it is made
}

TEST_F(GeneratorTest, CancelledStreamsLeaveNothing) {
  Start();
  for (int i = 0; i < 300; ++i) {
    auto stream =
        *generator_->Submit(Request(i % 2 == 0 ? LoudnessMode::kNone : LoudnessMode::kReference));
    if (i % 10 > 0) {
      ASSERT_TRUE(stream->AppendVideo("3 1").ok());
    }
    if (i % 10 > 1) {
      ASSERT_TRUE(stream->FinishVideo().ok());
    }
    for (int read = 2; read < i % 10; ++read) ASSERT_TRUE(ReadOne(*stream).ok());
    bool called = false;
    if (i % 3 == 0) stream->Read([&](absl::StatusOr<StreamEvent>) { called = true; });
    stream = nullptr;
    EXPECT_EQ(called, i % 3 == 0);
  }
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
  EXPECT_EQ(model_->open_windows(), 0);
}

TEST_F(GeneratorTest, CancelEndsARunningStepsRequest) {
  Notification running;
  prepare_ = [&](FakeModel& model) {
    model.on_step = [&](absl::Span<StepRequest>) {
      running.Notify();
      return absl::OkStatus();
    };
  };
  Start();
  auto stream = Submit(Request(), "600 1");
  ASSERT_TRUE(running.WaitFor(kSoon));
  stream->Cancel();
  absl::Status status;
  for (int i = 0; status.ok() && i < 1000; ++i) status = ReadOne(*stream).status();
  EXPECT_TRUE(absl::IsCancelled(status));
  stream = nullptr;
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
  EXPECT_LT(model_->steps(), 30000);
}

TEST_F(GeneratorTest, DrainRefusesNewAndFinishesOld) {
  Start();
  const auto stream = Submit(Request(), "2 1");
  generator_->BeginDrain();
  const absl::Status refused = generator_->Submit(Request()).status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_TRUE(ReadAll(*stream).finished.ok());
}

// A sink that counts requests by their label.
class CountingSink final : public MetricsSink {
 public:
  void Add(Counter counter, double, absl::string_view label) override {
    MutexLock lock(&mutex_);
    if (counter == Counter::kRequests) ++requests_[std::string(label)];
  }
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {}
  std::map<std::string, int> requests() {
    MutexLock lock(&mutex_);
    return requests_;
  }

 private:
  Mutex mutex_;
  std::map<std::string, int> requests_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(GeneratorTest, AFinishedSongCountsAsOkHoweverFastItsStreamIsDropped) {
  CountingSink counts;
  metrics_ = &counts;
  Start();
  for (int i = 0; i < 200; ++i) {
    auto stream = Submit(Request(), "1 1");
    Notification finished;
    std::function<void(absl::StatusOr<StreamEvent>)> next = [&](absl::StatusOr<StreamEvent> event) {
      ASSERT_TRUE(event.ok()) << event.status();
      if (std::holds_alternative<GenerationFinished>(*event)) return finished.Notify();
      stream->Read(next);
    };
    stream->Read(next);
    ASSERT_TRUE(finished.WaitFor(kSoon));
    stream = nullptr;
  }
  EXPECT_EQ(counts.requests(), (std::map<std::string, int>{{"OK/", 200}}));
  generator_ = nullptr;  // before its sink
}

TEST_F(GeneratorTest, ManyRequestsAtOnce) {
  GeneratorOptions options;
  options.limits.max_queued_requests = 300;
  options.limits.max_batch = 16;
  Start(options);
  std::vector<std::unique_ptr<MusicStream>> streams;
  for (int i = 0; i < 200; ++i) streams.push_back(Submit(Request(), "1 " + std::to_string(i)));
  for (int i = 0; i < 200; ++i) {
    const ReadSong song = ReadAll(*streams[i]);
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    EXPECT_EQ(song.tokens, Tokens(FakeSong(1, i, Request().sampling)));
  }
}

TEST_F(GeneratorTest, OptionsOutOfRangeAreNamed) {
  GeneratorOptions options;
  options.limits.max_batch = 0;
  const auto generator =
      NewGenerator(std::make_unique<FakeModel>(), nullptr, options, Clock::Real(), metrics_);
  ASSERT_TRUE(absl::IsInvalidArgument(generator.status()));
  EXPECT_THAT(std::string(generator.status().message()), ::testing::HasSubstr("max_batch"));
}

}  // namespace
}  // namespace vidmuse
