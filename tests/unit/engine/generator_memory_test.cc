// What requests hold and for how long: admission, limits of bytes, readers that are slow.
#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/request.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

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
  auto second = *generator_->Submit(Request());
  EXPECT_TRUE(absl::IsResourceExhausted(second->AppendVideo("12345678")));
  EXPECT_TRUE(absl::IsInvalidArgument(first->AppendVideo("123")));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOne(*first).status()));
  // What has ended holds nothing, though its stream is still there.
  auto third = *generator_->Submit(Request());
  EXPECT_TRUE(third->AppendVideo("12345678").ok());
  GenerationRequest declared = Request();
  declared.declared_bytes = 11;
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(declared).status()));
  declared.declared_bytes = 9;
  EXPECT_TRUE(absl::IsResourceExhausted(generator_->Submit(declared).status()));
}

// Tries until memory that is about to be given back is there: nothing tells when.
template <typename Attempt>
void ExpectSoon(const Attempt& attempt) {
  const absl::Time deadline = absl::Now() + kSoon;
  absl::Status status;
  do {
    status = attempt();
    ASSERT_LT(absl::Now(), deadline) << status;
  } while (!status.ok());
}

GeneratorOptions WithMemory(uint64_t bytes) {
  GeneratorOptions options;
  options.limits.max_queued_bytes = bytes;
  options.limits.max_stream_buffer_bytes = 100000;
  return options;
}

// A song's tokens count as well.
constexpr uint64_t kSecondOfTokens = 50 * 4 * 6;

TEST_F(GeneratorTest, ASlowReaderHoldsNoCondition) {
  prepare_ = [](FakeModel& model) { model.condition_bytes = 600000; };
  Start(WithMemory(1000000));
  const auto slow = Submit(Request(), "60 1");  // 7.7 MB of samples, unread
  ExpectSoon([&] {
    auto next = generator_->Submit(Request());
    if (!next.ok()) return next.status();
    RETURN_IF_ERROR((*next)->AppendVideo("2 2"));
    RETURN_IF_ERROR((*next)->FinishVideo());
    return ReadAll(**next).finished.status();
  });
  EXPECT_EQ(ReadAll(*slow).tokens, Tokens(FakeSong(60, 1, Request().sampling)));
}

// A condition goes as soon as its last window is open: the song goes on without it.
TEST_F(GeneratorTest, TheConditionIsHeldUntilTheLastWindowIsOpen) {
  Notification last_window, go;
  prepare_ = [&](FakeModel& model) {
    model.condition_bytes = 600000;
    model.on_step = [&](absl::Span<StepRequest> batch) {
      if (batch.size() == 1 && batch[0].frame > 1600) {
        last_window.Notify();
        go.WaitFor(kSoon);
      }
      return absl::OkStatus();
    };
  };
  Start(WithMemory(1000000));
  const auto stream = Submit(Request(), "40 1");
  ASSERT_TRUE(last_window.WaitFor(kSoon));
  ExpectSoon([&] {
    auto next = generator_->Submit(Request());
    if (!next.ok()) return next.status();
    return (*next)->AppendVideo(std::string(600000, ' '));
  });
  go.Notify();
  EXPECT_TRUE(ReadAll(*stream).finished.ok());
}

TEST_F(GeneratorTest, SongsOfReferenceLoudnessCount) {
  Start(WithMemory(10000000));
  const GenerationRequest request = Request(LoudnessMode::kReference);
  // 60 s take 7.68 MB of samples each.
  const auto first = Submit(request, "60 1");
  ASSERT_TRUE(ReadOne(*first).ok());
  const auto second = Submit(request, "60 2");
  const absl::Status refused = ReadOne(*second).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_TRUE(RetryAfter(refused).has_value());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("most of them for the song"));
  // Others are made meanwhile, and the first one's is whole.
  EXPECT_TRUE(ReadAll(*Submit(Request(), "60 3")).finished.ok());
  EXPECT_TRUE(ReadAll(*first).finished.ok());
  EXPECT_TRUE(ReadAll(*Submit(request, "60 2")).finished.ok());
}

TEST_F(GeneratorTest, ResumeTokensCountFromTheStart) {
  Start(WithMemory(1000000));
  GenerationRequest request = Request();
  request.resume = ResumeAt(std::vector<uint16_t>(300000, 1));
  const auto first = generator_->Submit(request);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(generator_->Submit(request).status()));
}

// What can't be held is refused before `started`, never after it.
TEST_F(GeneratorTest, NothingIsRefusedOnceItHasStarted) {
  Notification go;
  prepare_ = [&](FakeModel& model) {
    model.condition_bytes = 400000;
    model.on_encode = [&] {
      go.WaitFor(kSoon);
      return absl::OkStatus();
    };
  };
  GeneratorOptions options = WithMemory(1000000);
  options.encode_threads = 3;
  Start(options);
  const auto first = Submit(Request(), "4 1"), second = Submit(Request(), "4 2");
  ASSERT_TRUE(ReadOne(*first).ok());
  ASSERT_TRUE(ReadOne(*second).ok());
  const auto third = Submit(Request(), "4 3");
  const absl::Status refused = ReadOne(*third).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("most of them for the condition"));
  // An upload that takes all that is left gets nothing of what the first two were promised.
  // The third one's own memory is free soon after it was told.
  const std::string rest(200000 - 8 * kSecondOfTokens, ' ');
  absl::StatusOr<std::unique_ptr<MusicStream>> upload;
  absl::Status taken;
  const absl::Time deadline = absl::Now() + kSoon;
  do {
    upload = generator_->Submit(Request());
    ASSERT_TRUE(upload.ok());
    taken = (*upload)->AppendVideo(rest);
  } while (!taken.ok() && absl::Now() < deadline);
  EXPECT_TRUE(taken.ok()) << taken;
  go.Notify();
  EXPECT_TRUE(ReadAll(*first).finished.ok());
  EXPECT_TRUE(ReadAll(*second).finished.ok());
}

TEST_F(GeneratorTest, WhatIsDeclaredIsReserved) {
  Start(WithMemory(1000000));
  GenerationRequest request = Request();
  request.declared_bytes = 600000;
  auto first = *generator_->Submit(request);
  auto second = generator_->Submit(request);
  EXPECT_TRUE(absl::IsResourceExhausted(second.status())) << second.status();
  // Others may take what is left, and no more.
  auto other = *generator_->Submit(Request());
  EXPECT_TRUE(other->AppendVideo(std::string(300000, ' ')).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(other->AppendVideo(std::string(200000, ' '))));
  EXPECT_TRUE(first->AppendVideo(std::string(600000, ' ')).ok());
  first = nullptr;

  // By the length: 4 s have 40 frames of 150,528 bytes at most, which the server can't hold at all.
  request.declared_bytes = std::nullopt;
  request.declared_seconds = 4;
  const absl::Status never = generator_->Submit(request).status();
  EXPECT_TRUE(absl::IsResourceExhausted(never)) << never;
  EXPECT_FALSE(RetryAfter(never).has_value());
  EXPECT_THAT(std::string(never.message()), HasSubstr("most of them for the video's frames"));
}

class ReaderTest : public GeneratorTest {
 protected:
  ReaderTest() { clock_in_use_ = &clock_; }

  // Returns once `stream` is full: nobody else's audio is made then.
  std::unique_ptr<MusicStream> Fill() {
    auto stream = Submit(Request(), "60 1");  // 7.68 MB
    // The second one's tokens are made after the first one's, its audio by the same thread.
    EXPECT_TRUE(ReadAll(*Submit(Request(), "60 2")).finished.ok());
    return stream;
  }

  static GeneratorOptions Options() {
    GeneratorOptions options = WithMemory(1000000);
    options.limits.max_batch = 1;
    options.codec_threads = 1;
    return options;
  }
};

TEST_F(ReaderTest, MayPauseAndGoOn) {
  Start(Options());
  const auto stream = Fill();
  absl::StatusOr<StreamEvent> event = ReadOne(*stream);
  for (int i = 0; i < 4; ++i) {
    // Returns once everybody's time was looked at.
    GenerationRequest watched = Request();
    watched.time_limit = absl::Minutes(9);
    const auto other = *generator_->Submit(watched);
    clock_.Advance(absl::Minutes(9));
    EXPECT_TRUE(absl::IsDeadlineExceeded(ReadOne(*other).status()));
    event = ReadOne(*stream);
    ASSERT_TRUE(event.ok()) << event.status();
  }
  const ReadSong rest = ReadAll(*stream);
  EXPECT_TRUE(rest.finished.ok()) << rest.finished.status();
}

TEST_F(ReaderTest, IsEndedAfterTheSendTimeoutAndItsMemoryIsFreed) {
  prepare_ = [](FakeModel& model) { model.condition_bytes = 10; };
  Start(Options());
  const auto stream = Fill();
  clock_.Advance(absl::Minutes(10));
  // Tokens of 60 s and what they were made from are free, though nobody has read why it ended.
  ExpectSoon(
      [&] { return (*generator_->Submit(Request()))->AppendVideo(std::string(1000000, ' ')); });
  // Audio that waits is dropped after the memory is freed, so some may still come before the end.
  const absl::Status end = ReadAll(*stream).finished.status();
  EXPECT_TRUE(absl::IsUnavailable(end)) << end;
}

}  // namespace
}  // namespace vidmuse
