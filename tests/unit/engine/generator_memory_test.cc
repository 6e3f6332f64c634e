// What requests hold and for how long: admission, limits of bytes, readers that are slow.
#include <string>

#include "tests/unit/engine/generator_fixture.h"

namespace vidmuse {
namespace {

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

}  // namespace
}  // namespace vidmuse
