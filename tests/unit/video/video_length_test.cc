#include "core/video/video_length.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000;

VideoLength Length(int64_t header_us, int64_t start_us, int64_t span_us, bool steady = true) {
  VideoHeader header;
  header.duration_us = header_us;
  PacketIndex index;
  index.start_us = start_us;
  index.span_us = span_us;
  index.steady = steady;
  return LengthOf(header, index);
}

TEST(VideoLength, IsTheHeadersIfThatCanBe) {
  // Longer than what is there: other streams, a file that is cut, a last frame that stands.
  for (const int64_t header : {10 * kSecond, 10 * kSecond + 60'000, 6 * kSecond, 19 * kSecond}) {
    EXPECT_EQ(Length(header, 0, 10 * kSecond).us, header);
    EXPECT_TRUE(Length(header, 66'000, 10 * kSecond).header_is_right);
  }
  EXPECT_EQ(Length(10 * kSecond, 0, 0).us, 10 * kSecond);
}

TEST(VideoLength, IsWhatIsThereIfTheHeaderLies) {
  for (const int64_t header : {int64_t{0}, kSecond, 21 * kSecond, 36000 * kSecond}) {
    EXPECT_EQ(Length(header, 0, 10 * kSecond).us, 10 * kSecond);
    EXPECT_FALSE(Length(header, 0, 10 * kSecond).header_is_right);
  }
  EXPECT_EQ(Length(5 * kSecond, 0, 10 * kSecond, /*steady=*/false).us, 10 * kSecond);
  EXPECT_EQ(Length(18 * kSecond, 0, 10 * kSecond, /*steady=*/false).us, 10 * kSecond);
}

TEST(VideoLength, WithoutTimesFramesCount) {
  VideoHeader header;
  header.duration_us = 100 * kSecond;
  header.frame_rate = 25;
  PacketIndex index;
  index.frames = 250;
  EXPECT_EQ(LengthOf(header, index).us, 10 * kSecond);
  header.duration_us = 12 * kSecond;
  EXPECT_EQ(LengthOf(header, index).us, 12 * kSecond);
}

TEST(VideoLength, CountsFromTheFirstFrame) {
  EXPECT_EQ(Length(110 * kSecond, 100 * kSecond, 10 * kSecond).us, 10 * kSecond);
  EXPECT_EQ(Length(13 * kSecond, 3 * kSecond, 10 * kSecond).us, 10 * kSecond);
  EXPECT_EQ(Length(7 * kSecond, -3 * kSecond, 10 * kSecond).us, 10 * kSecond);
  // Containers that state the length itself.
  EXPECT_EQ(Length(10 * kSecond, 100 * kSecond, 10 * kSecond).us, 10 * kSecond);
}

TEST(VideoLength, OverTheLimitTellsOfAJump) {
  PacketIndex index;
  index.longest_gap_us = 1200 * kSecond;
  EXPECT_THAT(std::string(CheckLength(1210 * kSecond, index, Limits()).message()),
              HasSubstr("1210 s long; the limit is 600 s, of which its times jump over 1200 s"));
  EXPECT_TRUE(CheckLength(kSecond - 5000, index, Limits()).ok());
  EXPECT_FALSE(CheckLength(kSecond - 5001, index, Limits()).ok());
}

}  // namespace
}  // namespace vidmuse
