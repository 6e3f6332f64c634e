// What a stream tells its reader and the metrics, and what becomes of readers that fail.
#include <gmock/gmock.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <utility>

#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/request.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

class UnderrunTest : public GeneratorTest {
 protected:
  // Streams counted for a song of 4 s whose decoded pieces take `seconds` each.
  double Underruns(double seconds, LoudnessMode loudness) {
    const double before = metrics_.counter(Counter::kStreamUnderruns)[""];
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
    return metrics_.counter(Counter::kStreamUnderruns)[""] - before;
  }
};

// What a player has left when a chunk comes is told of each chunk but the first.
TEST_F(UnderrunTest, TellsHowFarStreamsAreAheadOfTheirPlayers) {
  Underruns(0.15, LoudnessMode::kNone);
  std::vector<double> leads = metrics_.observed(Histogram::kStreamLeadSeconds);
  ASSERT_GT(leads.size(), 10u);
  EXPECT_EQ(leads.size(), metrics_.observed(Histogram::kInterChunkSeconds).size());
  // A chunk of 12 frames comes each 0.15 s.
  EXPECT_NEAR(leads[leads.size() - 2] - leads[leads.size() - 3], 0.09, 1e-6);
  Underruns(0.3, LoudnessMode::kReference);
  EXPECT_EQ(metrics_.observed(Histogram::kStreamLeadSeconds).size(), leads.size());
  Underruns(0.3, LoudnessMode::kNone);
  leads = metrics_.observed(Histogram::kStreamLeadSeconds);
  EXPECT_EQ(leads.back(), 0) << "it had run dry";
}

TEST_F(UnderrunTest, AStreamThatRunsDryIsCountedOnce) {
  EXPECT_EQ(Underruns(0.15, LoudnessMode::kNone), 0);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kNone), 1);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kStreaming), 1);
  EXPECT_EQ(Underruns(0.3, LoudnessMode::kReference), 0);  // not played while it is made
}

TEST_F(GeneratorTest, AFinishedSongCountsAsOkHoweverFastItsStreamIsDropped) {
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
  EXPECT_EQ(metrics_.requests(), (std::map<std::string, double>{{"OK/", 200}}));
}

// The stream ends when its reader throws, and can be let go of.
TEST_F(GeneratorTest, AReaderThatThrowsEndsItsStreamAlone) {
  Start();
  // No song may end before its reader has thrown.
  Notification readers_threw;
  model_->on_step = [&](absl::Span<StepRequest>) {
    readers_threw.WaitFor(kSoon);
    return absl::OkStatus();
  };
  auto other = Submit(Request(), "2 2");
  enum Thrown { kNoMemory, kError, kNoException };
  for (const Thrown thrown : {kNoMemory, kError, kNoException}) {
    auto stream = Submit(Request(), "2 1");
    Notification called;
    stream->Read([&](absl::StatusOr<StreamEvent>) {
      called.Notify();
      if (thrown == kNoMemory) throw std::bad_alloc();
      if (thrown == kError) throw std::runtime_error("broken");
      throw 1;
    });
    ASSERT_TRUE(called.WaitFor(kSoon));
    absl::Status end;
    while (end.ok()) end = ReadOne(*stream).status();
    EXPECT_EQ(end.code(), thrown == kNoMemory ? absl::StatusCode::kResourceExhausted
                                              : absl::StatusCode::kInternal)
        << end;
    stream = nullptr;
  }
  readers_threw.Notify();
  EXPECT_TRUE(ReadAll(*other).finished.ok());
  other = nullptr;
  generator_ = nullptr;  // before what its model refers to
}

TEST_F(GeneratorTest, AStageThatThrowsEndsItsRequestAlone) {
  std::atomic<bool> no_memory{true};
  on_decode_ = [&] {
    if (no_memory) throw std::bad_alloc();
    throw 1;
  };
  Start();
  const absl::Status first = ReadAll(*Submit(Request(), "1 1")).finished.status();
  EXPECT_TRUE(absl::IsResourceExhausted(first)) << first;
  EXPECT_TRUE(RetryAfter(first).has_value());
  no_memory = false;
  const absl::Status second = ReadAll(*Submit(Request(), "1 1")).finished.status();
  EXPECT_TRUE(absl::IsInternal(second)) << second;
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
}

TEST_F(GeneratorTest, ASongIsMadeOnceItsReaderHasTheLastEvent) {
  Start();
  auto unread = Submit(Request(), "1 1");  // all of it fits into the buffer
  auto taken = Submit(Request(), "1 2");
  ASSERT_TRUE(ReadAll(*taken).finished.ok());
  EXPECT_TRUE(metrics_.requests().empty());
  taken = nullptr;
  EXPECT_EQ(metrics_.requests(), (std::map<std::string, double>{{"OK/", 1}}));

  auto not_sent = Submit(Request(), "1 3");
  ASSERT_TRUE(ReadAll(*not_sent).finished.ok());
  not_sent->Cancel(absl::CancelledError("the client went away"));
  not_sent = nullptr;
  unread = nullptr;
  EXPECT_EQ(metrics_.requests()["OK/"], 1);
  EXPECT_EQ(metrics_.requests()["CANCELLED/deliver"], 2);
}

TEST_F(GeneratorTest, TheRealtimeFactorIsThatOfWhatWasMadeHere) {
  clock_in_use_ = &clock_;
  prepare_ = [this](FakeModel& model) {
    // Twice as fast as it is played, but for what else takes time.
    model.on_step = [this](absl::Span<StepRequest> batch) {
      if (batch[0].sampling != nullptr) clock_.Advance(absl::Milliseconds(10));
      return absl::OkStatus();
    };
    model.on_encode = [this] {
      clock_.Advance(absl::Seconds(100));
      return absl::OkStatus();
    };
    model.on_audio = model.on_encode;
  };
  Start();
  const auto whole = Submit(Request(), "4 1");
  const ReadSong song = ReadAll(*whole);
  ASSERT_TRUE(song.finished.ok());
  clock_.Advance(absl::Seconds(100));  // a slow reader
  GenerationRequest resumed = Request(LoudnessMode::kReference);
  resumed.resume = ResumeAt({song.tokens.begin(), song.tokens.begin() + 4 * 100});
  ASSERT_TRUE(ReadAll(*Submit(resumed, "4 1")).finished.ok());
  resumed.resume = ResumeAt(song.tokens);  // makes nothing
  ASSERT_TRUE(ReadAll(*Submit(resumed, "4 1")).finished.ok());
  EXPECT_THAT(metrics_.observed(Histogram::kRealtimeFactor), ElementsAre(DoubleNear(2, 0.1)));
  EXPECT_EQ(metrics_.observed(Histogram::kTimeToFirstAudioSeconds).size(), 1u)
      << "songs of reference loudness aren't played while they are made";
}

TEST_F(GeneratorTest, ARequestThatFailsCountsForTheStageInWhichItFailed) {
  Start();
  model_->on_open = [] { return absl::ResourceExhaustedError("no memory"); };
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(Request(), "1 1")).finished.status()));
  EXPECT_EQ(metrics_.requests(),
            (std::map<std::string, double>{{"RESOURCE_EXHAUSTED/generate", 1}}));
}

TEST_F(GeneratorTest, TokensThatAreHandedOverAreNoErrors) {
  for (const auto& [end, cause] : {std::pair{absl::UnavailableError("go on"), "handed_over"},
                                   {absl::CancelledError("gone"), "cancelled"},
                                   {absl::InternalError("broken"), "error"}}) {
    Start();
    auto stream = Submit(Request(), "600 1");
    while (!std::holds_alternative<AudioChunk>(*ReadOne(*stream))) {
    }
    stream->Cancel(end);
    stream = nullptr;
    EXPECT_GT(metrics_.counter(Counter::kWastedTokens)[cause], 0) << cause;
  }
}

}  // namespace
}  // namespace vidmuse
