// What a stream tells its reader and the metrics, and what becomes of readers that fail.
#include <new>
#include <stdexcept>

#include "tests/unit/engine/generator_fixture.h"

namespace vidmuse {
namespace {

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
  const auto other = Submit(Request(), "2 2");
  for (const bool out_of_memory : {true, false}) {
    auto stream = Submit(Request(), "2 1");
    Notification called;
    stream->Read([&](absl::StatusOr<StreamEvent>) {
      called.Notify();
      if (out_of_memory) throw std::bad_alloc();
      throw std::runtime_error("broken");
    });
    ASSERT_TRUE(called.WaitFor(kSoon));
    absl::Status end;
    while (end.ok()) end = ReadOne(*stream).status();
    EXPECT_EQ(end.code(),
              out_of_memory ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal)
        << end;
    stream = nullptr;
  }
  EXPECT_TRUE(ReadAll(*other).finished.ok());
}

}  // namespace
}  // namespace vidmuse
