#include "core/video/decode_watch.h"

#include "gtest/gtest.h"

namespace vidmuse {
namespace {

TEST(DecodeWatch, ReportsCancellationAndTime) {
  CancelFlag cancel;
  const DecodeWatch patient(cancel, absl::Hours(1));
  const DecodeWatch impatient(cancel, -absl::Seconds(1));
  EXPECT_TRUE(patient.Check().ok());
  EXPECT_EQ(impatient.Check().code(), absl::StatusCode::kInvalidArgument);
  cancel.Cancel();
  EXPECT_EQ(patient.Check().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(impatient.Check().code(), absl::StatusCode::kCancelled);
}

TEST(DecodeWatch, TheLimitMayChange) {
  const CancelFlag never;
  DecodeWatch watch(never, absl::Hours(1));
  EXPECT_TRUE(watch.Check().ok());
  watch.SetTimeLimit(-absl::Seconds(1));
  EXPECT_EQ(watch.Check().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(watch.left(), absl::ZeroDuration());
}

TEST(TimeLimits, FollowTheVideo) {
  const Limits limits;  // 600 s: 21 minutes at most
  EXPECT_EQ(ReadTimeLimit(0, limits), absl::Seconds(10));
  EXPECT_EQ(ReadTimeLimit(80 << 20, limits), absl::Seconds(20));
  // A small clip, full HD at 30 a second, 8K at 240 a second, of unknown size.
  EXPECT_EQ(VideoTimeLimit(1, 160 * 90 * 30, limits), absl::Seconds(10.5));
  EXPECT_EQ(VideoTimeLimit(100, 1920.0 * 1080 * 30 * 100, limits), absl::Milliseconds(258800));
  EXPECT_EQ(VideoTimeLimit(1, 8192.0 * 4320 * 240, limits), absl::Seconds(18));
  EXPECT_EQ(VideoTimeLimit(1, 0, limits), absl::Seconds(18));
  EXPECT_EQ(VideoTimeLimit(600, 8192.0 * 4320 * 240 * 600, limits), absl::Minutes(21));
}

}  // namespace
}  // namespace vidmuse
