// Long videos are decoded and encoded part by part, while their music is made.
#include <gmock/gmock.h>

#include <atomic>
#include <new>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/events.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

class PartsTest : public GeneratorTest {
 protected:
  // Ends when a stage that is held up by a test sees that its request was cancelled.
  static absl::Status WaitForCancel(const CancelFlag& cancel) {
    Notification cancelled;
    const std::stop_callback told(cancel.token(), [&] { cancelled.Notify(); });
    return cancelled.WaitFor(kSoon) ? absl::CancelledError("cancelled")
                                    : absl::InternalError("not cancelled");
  }

  // Reads until the stream has sent audio of `seconds`.
  static void ReadAudio(MusicStream& stream, double seconds) {
    for (double read = 0; read < seconds;) {
      const absl::StatusOr<StreamEvent> event = ReadOne(stream);
      ASSERT_TRUE(event.ok()) << event.status();
      if (const auto* chunk = std::get_if<AudioChunk>(&*event))
        read += chunk->num_samples / 32000.0;
    }
  }
  static absl::Status ReadError(MusicStream& stream) {
    absl::StatusOr<StreamEvent> event = ReadOne(stream);
    while (event.ok() && !std::holds_alternative<GenerationFinished>(*event)) {
      event = ReadOne(stream);
    }
    return event.status();
  }
};

TEST_F(PartsTest, AWindowIsOpenBeforeTheNextOnesFramesAreDecodedAndEncoded) {
  std::atomic<int> opened{0}, decoded{0}, encoded{0};
  prepare_ = [&](FakeModel& model) {
    model.on_open = [&] {
      ++opened;
      return absl::OkStatus();
    };
    model.on_encode_more = [&](int first_local) {
      EXPECT_EQ(first_local, 1 + 59 * ++encoded) << "exactly what the window before lacks";
      EXPECT_EQ(opened, encoded);
      return absl::OkStatus();
    };
  };
  on_decode_more_ = [&](const FramePart& part, const CancelFlag&) {
    EXPECT_EQ(opened, ++decoded);
    EXPECT_LE(part.count, 60);
    return absl::OkStatus();
  };
  Start();
  const ReadSong song = ReadAll(*Submit(Request(), "600 5"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(song.tokens, Tokens(FakeSong(600, 5, Request().sampling)));
  EXPECT_EQ(opened, 21);
  EXPECT_EQ(encoded, 19) << "the last window has no new frames";
}

TEST_F(PartsTest, ARequestHoldsTwoWindowsConditionHoweverLongItIs) {
  Start();
  const ReadSong song = ReadAll(*Submit(Request(), "600 5"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  // The next to last window shares 41 frames with the last one.
  EXPECT_LE(model_->most_condition_frames(), 60 + 41);
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
  EXPECT_EQ(model_->condition_frames(), 0);
}

// However a video comes, and whatever is long in coming.
TEST_F(PartsTest, SongsAreTheSameHoweverTheirVideosAreDecoded) {
  for (const Alignment alignment : {Alignment::kReference, Alignment::kTime}) {
    for (const bool whole : {false, true}) {
      whole_ = whole;
      for (const double overlap : {0.5, 7.0, 20.0}) {
        Start();
        GenerationRequest request = Request();
        request.window_overlap_seconds = overlap;
        request.alignment = alignment;
        for (const int seconds : {30, 31, 40, 60, 61, 90}) {
          const ReadSong song = ReadAll(*Submit(request, absl::StrCat(seconds, " 3")));
          ASSERT_TRUE(song.finished.ok()) << song.finished.status();
          EXPECT_EQ(song.tokens, Tokens(FakeSong(seconds, 3, request.sampling,
                                                 static_cast<int>(overlap * 50), {}, alignment)));
        }
      }
    }
  }
}

TEST_F(PartsTest, EveryPartIsAlignedAsTheRequestIs) {
  std::vector<int> ends;
  on_decode_more_ = [&](const FramePart& part, const CancelFlag&) {
    EXPECT_EQ(part.alignment, Alignment::kTime);
    ends.push_back(part.first + part.count);
    return absl::OkStatus();
  };
  Start();
  GenerationRequest request = Request();
  request.alignment = Alignment::kTime;
  const ReadSong song = ReadAll(*Submit(request, "63 1"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  // The last window's frames are those of its own seconds.
  EXPECT_THAT(ends, ::testing::ElementsAre(119, 126));
  ends.clear();
  // Resumed in the last window, it needs no others but those of the first part.
  request.resume = ResumeAt({song.tokens.begin(), song.tokens.begin() + 4 * 3000});
  const ReadSong rest = ReadAll(*Submit(request, "63 1"));
  EXPECT_EQ(rest.bytes, song.bytes);
  EXPECT_THAT(ends, ::testing::ElementsAre(126));
}

TEST_F(PartsTest, AResumedSongReadsOnlyTheFramesThatItNeeds) {
  Start();
  GenerationRequest request = Request();
  const ReadSong song = ReadAll(*Submit(request, "125 3"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  std::vector<int> firsts;
  on_decode_more_ = [&](const FramePart& part, const CancelFlag&) {
    firsts.push_back(part.first);
    return absl::OkStatus();
  };
  for (const int64_t frame : {1499, 1500, 2974, 2975, 4449, 4450, 6249}) {
    request.resume = ResumeAt({song.tokens.begin(), song.tokens.begin() + 4 * frame});
    firsts.clear();
    const ReadSong rest = ReadAll(*Submit(request, "125 3"));
    ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
    EXPECT_EQ(rest.bytes, song.bytes) << frame;
    if (frame == 4449) {
      EXPECT_EQ(firsts.front(), 118) << "the third window's first frame";
    }
  }
}

TEST_F(PartsTest, ASongWaitsForFramesThatAreLate) {
  Notification go;
  prepare_ = [&](FakeModel& model) {
    model.on_encode_more = [&](int) {
      go.WaitFor(kSoon);
      return absl::OkStatus();
    };
  };
  Start();
  const auto slow = Submit(Request(), "40 1"), late = Submit(Request(), "70 1");
  ASSERT_TRUE(ReadAll(*slow).finished.ok());  // needs no more frames
  ReadAudio(*late, 29);                       // all that the first window gives
  EXPECT_EQ(model_->open_windows(), 0);
  go.Notify();
  EXPECT_TRUE(ReadError(*late).ok());
}

TEST_F(PartsTest, CancelledWhilePartsAreMadeLeavesNothing) {
  for (const bool in_decoder : {true, false}) {
    for (const bool dry : {true, false}) {
      SCOPED_TRACE(absl::StrCat(in_decoder, " ", dry));
      Notification begun, cancelled;
      prepare_ = [&](FakeModel& model) {
        if (in_decoder) return;
        model.on_encode_more = [&](int) {
          begun.Notify();
          cancelled.WaitFor(kSoon);
          return absl::OkStatus();
        };
      };
      on_decode_more_ = [&](const FramePart&, const CancelFlag& cancel) {
        if (!in_decoder) return absl::OkStatus();
        begun.Notify();
        return WaitForCancel(cancel);
      };
      Start();
      auto stream = Submit(Request(), "600 1");
      ASSERT_TRUE(begun.WaitFor(kSoon));
      if (dry) ReadAudio(*stream, 29);  // all that the first window gives
      stream->Cancel();
      cancelled.Notify();
      EXPECT_TRUE(absl::IsCancelled(ReadError(*stream)));
      stream = nullptr;
      EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
      EXPECT_EQ(model_->open_windows(), 0);
      EXPECT_EQ(model_->condition_frames(), 0);
      generator_ = nullptr;
    }
  }
}

TEST_F(PartsTest, ADecoderThatFailsInTheMiddleEndsItsSongAlone) {
  Notification heard;
  on_decode_more_ = [&](const FramePart& part, const CancelFlag&) {
    if (part.first < 100) return absl::OkStatus();
    heard.WaitFor(kSoon);
    return absl::InvalidArgumentError("the video crashed its decoder (signal 11)");
  };
  Start();
  const auto stream = Submit(Request(), "600 1");
  const auto other = Submit(Request(), "40 2");
  ReadAudio(*stream, 31);
  heard.Notify();
  const absl::Status error = ReadError(*stream);
  EXPECT_TRUE(absl::IsInvalidArgument(error)) << error;
  EXPECT_THAT(std::string(error.message()), HasSubstr("the video crashed its decoder"));
  EXPECT_EQ(ReadAll(*other).tokens, Tokens(FakeSong(40, 2, Request().sampling)));
}

TEST_F(PartsTest, AnEncoderThatFailsInTheMiddleEndsItsSongAlone) {
  for (const bool throws : {false, true}) {
    std::atomic<bool> fails{true};
    prepare_ = [&](FakeModel& model) {
      model.on_encode_more = [&](int first_local) -> absl::Status {
        if (first_local < 100 || !fails) return absl::OkStatus();
        if (throws) throw std::bad_alloc();
        return absl::ResourceExhaustedError("no memory to encode");
      };
    };
    Start();
    EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(Request(), "600 1")).finished.status()));
    fails = false;
    EXPECT_TRUE(ReadAll(*Submit(Request(), "70 1")).finished.ok());
    generator_ = nullptr;
  }
}

// A request of ten minutes is admitted where two of a minute are, and nothing of it is left.
TEST_F(PartsTest, TheReservationDoesntGrowWithTheVideo) {
  for (const bool whole : {false, true}) {
    whole_ = whole;
    prepare_ = [](FakeModel& model) { model.condition_bytes = 600000; };
    GeneratorOptions options;
    options.limits.max_queued_bytes = 600000 + 600 * 50 * 4 * 6 + 40000;
    Start(options);
    for (int i = 0; i < 5; ++i) {
      const ReadSong song = ReadAll(*Submit(Request(), "600 1"));
      ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    }
    EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
    const auto upload = *generator_->Submit(Request());
    EXPECT_TRUE(upload->AppendVideo(std::string(options.limits.max_queued_bytes, ' ')).ok());
  }
}

}  // namespace
}  // namespace vidmuse
