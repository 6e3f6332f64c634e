// What a stream says before its music is there: `started`, and where the request stands.
#include <variant>

#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/events.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

class ProgressTest : public GeneratorTest {
 protected:
  ProgressTest() { clock_in_use_ = &clock_; }

  // The next event, which must be of progress.
  static GenerationProgress ReadProgress(MusicStream& stream) {
    const absl::StatusOr<StreamEvent> event = ReadEvent(stream, kSoon);
    EXPECT_TRUE(event.ok()) << event.status();
    const bool is_progress = event.ok() && std::holds_alternative<GenerationProgress>(*event);
    EXPECT_TRUE(is_progress);
    return is_progress ? std::get<GenerationProgress>(*event) : GenerationProgress();
  }
  // Reads until the request is in `stage`.
  static GenerationProgress ReadUntil(MusicStream& stream, GenerationStage stage) {
    for (;;) {
      const absl::StatusOr<StreamEvent> event = ReadEvent(stream, kSoon);
      EXPECT_TRUE(event.ok()) << event.status();
      if (!event.ok()) return {};
      const auto* progress = std::get_if<GenerationProgress>(&*event);
      if (progress != nullptr && progress->stage == stage) return *progress;
    }
  }
};

TEST_F(ProgressTest, TellsEveryStage) {
  Notification decode, encode, step;
  on_decode_ = [&] { decode.WaitFor(kSoon); };
  prepare_ = [&](FakeModel& model) {
    model.on_encode = [&] {
      encode.WaitFor(kSoon);
      return absl::OkStatus();
    };
    model.on_step = [&](absl::Span<StepRequest>) {
      step.WaitFor(kSoon);
      return absl::OkStatus();
    };
  };
  Start();
  const auto stream = Submit(Request(), "1 1");
  GenerationProgress progress = ReadProgress(*stream);
  EXPECT_EQ(progress.stage, GenerationStage::kDecode);
  EXPECT_EQ(progress.total_frames, 0);
  decode.Notify();
  progress = ReadUntil(*stream, GenerationStage::kEncode);
  EXPECT_EQ(progress.total_frames, 50);
  encode.Notify();
  progress = ReadUntil(*stream, GenerationStage::kGenerate);
  EXPECT_EQ(progress.queue_position, 0);
  EXPECT_FALSE(progress.estimated_queue_seconds.has_value());
  EXPECT_EQ(progress.frames_made, 0);
  step.Notify();
  progress = ReadUntil(*stream, GenerationStage::kDeliver);
  EXPECT_EQ(progress.frames_made, 50);
  const ReadSong song = ReadAll(*stream);
  EXPECT_TRUE(song.finished.ok()) << song.finished.status();
}

TEST_F(ProgressTest, ComesWhenNothingElseWasSentForAWhile) {
  Start();
  const auto stream = *generator_->Submit(Request());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(10));
    EXPECT_EQ(ReadProgress(*stream).stage, GenerationStage::kUpload);
  }
}

// However long a reader waits, one event of progress waits for it.
TEST_F(ProgressTest, WaitsOnce) {
  Start();
  const auto stream = *generator_->Submit(Request());
  GenerationRequest short_lived = Request();
  for (int i = 0; i < 5; ++i) {
    short_lived.time_limit = absl::Seconds(20);
    const auto other = *generator_->Submit(short_lived);
    clock_.Advance(absl::Seconds(20));
    // Its time was looked at, and so was the first one's.
    absl::Status end;
    while (end.ok()) end = ReadEvent(*other, kSoon).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(end)) << end;
  }
  ASSERT_TRUE(stream->AppendVideo("1 1").ok());
  EXPECT_EQ(ReadProgress(*stream).stage, GenerationStage::kUpload);
  ASSERT_TRUE(stream->FinishVideo().ok());
  const absl::StatusOr<StreamEvent> next = ReadEvent(*stream, kSoon);
  ASSERT_TRUE(next.ok());
  const auto* progress = std::get_if<GenerationProgress>(&*next);
  EXPECT_TRUE(progress == nullptr || progress->stage > GenerationStage::kUpload);
  EXPECT_TRUE(ReadAll(*stream).finished.ok());
}

TEST_F(ProgressTest, TellsThePlaceInTheQueue) {
  Notification running, all_wait, both_seen, go;
  prepare_ = [&](FakeModel& model) {
    model.on_step = [&](absl::Span<StepRequest>) {
      clock_.Advance(absl::Milliseconds(20));
      if (model.steps() == 100) {
        running.Notify();
        all_wait.WaitFor(kSoon);
      } else if (model.steps() == 150) {
        both_seen.Notify();
        go.WaitFor(kSoon);
      }
      return absl::OkStatus();
    };
  };
  GeneratorOptions options;
  options.limits.max_batch = 1;
  Start(options);
  const auto first = Submit(Request(), "10 1");
  ASSERT_TRUE(running.WaitFor(kSoon));
  const auto second = Submit(Request(), "10 2");
  EXPECT_GE(ReadUntil(*second, GenerationStage::kQueue).queue_position, 1);
  const auto third = Submit(Request(), "10 3");
  ReadUntil(*third, GenerationStage::kQueue);
  all_wait.Notify();
  ASSERT_TRUE(both_seen.WaitFor(kSoon));
  clock_.Advance(absl::Seconds(10));
  const GenerationProgress next = ReadUntil(*second, GenerationStage::kQueue);
  const GenerationProgress last = ReadUntil(*third, GenerationStage::kQueue);
  EXPECT_EQ(next.queue_position, 1);
  EXPECT_EQ(last.queue_position, 2);
  EXPECT_GT(next.estimated_queue_seconds.value_or(0), 0);
  EXPECT_GT(last.estimated_queue_seconds.value_or(0), *next.estimated_queue_seconds);
  go.Notify();
  for (MusicStream* stream : {first.get(), second.get(), third.get()}) {
    EXPECT_TRUE(ReadAll(*stream).finished.ok());
  }
}

TEST_F(ProgressTest, StartedTellsWhatIsInForce) {
  prepare_ = [](FakeModel& model) { model.SetFingerprint("f-1"); };
  Start();
  GenerationRequest request = Request();
  request.sampling.top_k = 7;
  request.sampling.seed = 99;
  const ReadSong song = ReadAll(*Submit(request, "1 1"));
  EXPECT_EQ(song.started.fingerprint, "f-1");
  EXPECT_EQ(song.started.sampling.top_k, 7);
  EXPECT_EQ(song.started.sampling.seed, 99u);
  EXPECT_EQ(song.started.sampling.cfg_coef, model_->info().default_cfg_coef);
}

}  // namespace
}  // namespace vidmuse
