// The generator's threads over the fake model: streams, cancellation at every stage, slow readers,
// refusals.
#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

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

// With one place, a stream whose listener has enough lets another begin.
TEST_F(GeneratorTest, AStreamThatIsFarAheadLetsAnotherBegin) {
  clock_in_use_ = &clock_;
  Notification far_ahead, other_waits;
  std::atomic<int64_t> first_frame{0};  // the last one drawn for the first song
  std::atomic<bool> other_begun{false};
  prepare_ = [&](FakeModel& model) {
    model.on_step = [&](absl::Span<StepRequest> batch) {
      clock_.Advance(absl::Milliseconds(1));
      if (batch[0].sampling == nullptr) return absl::OkStatus();
      other_begun = other_begun || batch[0].sampling->seed == 2;
      if (!other_begun) std::this_thread::yield();  // another thread opens the other's window
      if (batch[0].sampling->seed == 1) first_frame = batch[0].frame;
      if (first_frame == 700) {
        far_ahead.Notify();
        other_waits.WaitFor(kSoon);
      }
      return absl::OkStatus();
    };
  };
  GeneratorOptions options;
  options.limits.max_batch = 1;
  Start(options);
  const auto submit = [&](uint64_t seed, const std::string& video) {
    GenerationRequest request = Request();
    request.sampling.seed = seed;
    return Submit(request, video);
  };
  auto first = submit(1, "600 1");
  ASSERT_TRUE(far_ahead.WaitFor(kSoon));
  auto second = submit(2, "1 2");
  for (bool queued = false; !queued;) {
    const absl::StatusOr<StreamEvent> event = ReadEvent(*second, kSoon);
    ASSERT_TRUE(event.ok()) << event.status();
    const auto* progress = std::get_if<GenerationProgress>(&*event);
    queued = progress != nullptr && progress->stage == GenerationStage::kQueue;
  }
  other_waits.Notify();
  EXPECT_TRUE(ReadAll(*second).finished.ok());
  EXPECT_LT(first_frame, 600 * 50 - 1);
  first = nullptr;
  second = nullptr;
  generator_ = nullptr;  // before what its model refers to
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
       {std::pair{LoudnessMode::kNone, 20}, {LoudnessMode::kStreaming, 40}}) {
    const ReadSong song = ReadAll(*Submit(Request(loudness), "5 3"));
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    size_t tokens = 0, i = 0;
    for (; i < song.chunks.size(); ++i) {
      tokens += song.chunks[i].tokens.size();
      if (!song.chunks[i].data.empty()) break;
    }
    EXPECT_EQ(tokens, 4u * frames);
    ASSERT_LT(i + 2, song.chunks.size());
    EXPECT_EQ(song.chunks[i + 1].tokens.size(), 4u * 12) << "the listener waits for it";
    EXPECT_EQ(song.chunks[i + 2].tokens.size(), 4u * 13) << "chunks grow";
  }
}

TEST_F(GeneratorTest, WindowsOverlapAsAskedAndAResumedSongIsTheSame) {
  Start();
  GenerationRequest request = Request();
  request.window_overlap_seconds = 12;
  const ReadSong song = ReadAll(*Submit(request, "70 11"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(song.tokens, Tokens(FakeSong(70, 11, request.sampling, 600)));
  EXPECT_NE(song.tokens, Tokens(FakeSong(70, 11, request.sampling)));
  // In the first window, at its end, in the second one's new part, in the last window.
  for (const size_t frames : {100, 1499, 1500, 1501, 2000, 2400, 3499}) {
    const size_t bytes = frames * 640 * sizeof(float);
    request.resume = ResumeAt(
        {song.tokens.begin(), song.tokens.begin() + static_cast<int64_t>(4 * frames)}, bytes);
    const ReadSong rest = ReadAll(*Submit(request, "70 11"));
    ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
    EXPECT_EQ(rest.bytes, song.bytes.substr(bytes)) << frames;
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
        request.resume = ResumeAt(tokens, bytes.size());
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
  request.resume = ResumeAt(std::vector<uint16_t>(3, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(request).status()));
  request.resume = ResumeAt(std::vector<uint16_t>(4, 2048));
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(request).status()));
  request.resume = ResumeAt(std::vector<uint16_t>(4 * 51, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Submit(request, "1 1")).finished.status()));
  request.resume = ResumeAt(std::vector<uint16_t>(4 * 50, 1), 1000000);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(*Submit(request, "1 1")).finished.status()));
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
  // Each fault happens once: the engine probes a device after an error that may be the device's.
  enum Fault { kNone, kEncode, kEncodeMemory, kOpen, kOpenMemory, kAudio };
  std::atomic<Fault> fault = kNone;
  const auto take = [&](Fault expected) { return fault.compare_exchange_strong(expected, kNone); };
  model_->on_encode = [&]() -> absl::Status {
    if (take(kEncodeMemory)) throw std::bad_alloc();
    return take(kEncode) ? absl::ResourceExhaustedError("no memory to encode") : absl::OkStatus();
  };
  model_->on_open = [&]() -> absl::Status {
    if (take(kOpenMemory)) throw std::bad_alloc();
    if (take(kOpen)) throw std::runtime_error("broken");
    return absl::OkStatus();
  };
  model_->on_audio = [&] { return take(kAudio) ? absl::InternalError("codec") : absl::OkStatus(); };
  const auto end = [&](Fault next) {
    fault = next;
    return ReadAll(*Submit(Request(), "1 1")).finished.status();
  };
  EXPECT_TRUE(absl::IsResourceExhausted(end(kEncode)));
  EXPECT_TRUE(absl::IsResourceExhausted(end(kEncodeMemory)));
  EXPECT_TRUE(absl::IsResourceExhausted(end(kOpenMemory)));
  EXPECT_TRUE(absl::IsInternal(end(kOpen)));
  EXPECT_TRUE(absl::IsInternal(end(kAudio)));
  EXPECT_TRUE(end(kNone).ok());
  generator_ = nullptr;  // before what its model refers to
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
      NewGenerator(std::make_unique<FakeModel>(), nullptr, options, Clock::Real(), &metrics_);
  ASSERT_TRUE(absl::IsInvalidArgument(generator.status()));
  EXPECT_THAT(std::string(generator.status().message()), ::testing::HasSubstr("max_batch"));
}

// By the API's names, as the server's own checks tell it.
TEST_F(GeneratorTest, RequestsOutOfRangeAreNamed) {
  Start();
  GenerationRequest request = Request();
  request.max_seconds = 0.5;
  EXPECT_EQ(generator_->Submit(request).status().message(),
            "max_duration_seconds = 0.5 is out of range, allowed is [1, 1000000]");
  request = Request();
  request.sampling.top_p = 2;
  EXPECT_EQ(generator_->Submit(request).status().message(),
            "sampling.top_p = 2 is out of range, allowed is [0, 1]");
  request = Request();
  request.declared_seconds = 601;
  EXPECT_EQ(generator_->Submit(request).status().message(),
            "video_seconds = 601 is over the limit max_video_seconds of 600");
}

}  // namespace
}  // namespace vidmuse
