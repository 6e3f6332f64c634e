#include "core/video/stream_clock.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace vidmuse {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kFrame = 40'000;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

StreamClock Played(const std::vector<int64_t>& times, bool reorders = false,
                   int64_t longest_gap = kLongestStillUs, int64_t length = kFrame) {
  StreamClock clock(reorders, longest_gap);
  for (const int64_t time : times) clock.Add({.shown = time, .decoded = {}, .length = length});
  clock.Finish();
  return clock;
}

// `count` frames from `start` on.
std::vector<int64_t> Frames(int count, int64_t start = 0) {
  std::vector<int64_t> times;
  for (int i = 0; i < count; ++i) times.push_back(start + i * kFrame);
  return times;
}

std::vector<int64_t> operator+(std::vector<int64_t> first, const std::vector<int64_t>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(StreamClock, LastsFromTheFirstStartToTheLastEnd) {
  EXPECT_EQ(Played({}).length(), 0);
  EXPECT_TRUE(Played({}).empty());
  const StreamClock clock = Played(Frames(100, 7 * kSecond));
  EXPECT_EQ(clock.start(), 7 * kSecond);
  EXPECT_EQ(clock.length(), 4 * kSecond);
  EXPECT_TRUE(clock.steady());
  // Without lengths, the last one lasts as long as the average.
  EXPECT_EQ(Played(Frames(100), false, kLongestStillUs, 0).length(), 4 * kSecond);
}

TEST(StreamClock, OrderOfDecodingIsNoJump) {
  std::vector<int64_t> times;
  for (int group = 0; group < 20; ++group) {
    const int64_t start = group * 17 * kFrame;
    times.push_back(start + 16 * kFrame);
    for (int i = 0; i < 16; ++i) times.push_back(start + i * kFrame);
  }
  const StreamClock clock = Played(times, /*reorders=*/true);
  EXPECT_TRUE(clock.steady());
  EXPECT_EQ(clock.length(), 20 * 17 * kFrame);
}

TEST(StreamClock, GapsCountUpToTheLongest) {
  const auto times = Frames(50) + Frames(50, 11 * kSecond);
  EXPECT_TRUE(Played(times).steady());
  EXPECT_EQ(Played(times).length(), 13 * kSecond);
  EXPECT_EQ(Played(times).longest_gap(), 11 * kSecond - 49 * kFrame);
  EXPECT_FALSE(Played(times, false, 5 * kSecond).steady());
  EXPECT_EQ(Played(times, false, 5 * kSecond).length(), 4 * kSecond);
}

TEST(StreamClock, RestartsAndJumpsAddWhatIsThere) {
  for (const bool reorders : {false, true}) {
    for (const int64_t second : {int64_t{0}, -5000 * kSecond, 5000 * kSecond}) {
      const StreamClock clock = Played(Frames(50) + Frames(50, second) + Frames(50), reorders);
      EXPECT_FALSE(clock.steady()) << second;
      EXPECT_EQ(clock.length(), 6 * kSecond) << second << (reorders ? ", reorders" : "");
    }
  }
}

TEST(StreamClock, SingleTimesThatLie) {
  for (const bool reorders : {false, true}) {
    for (const int64_t off : {20 * kSecond, 10800 * kSecond, -10800 * kSecond}) {
      for (const std::vector<size_t>& liars :
           {std::vector<size_t>{50}, {20, 50, 70}, {50, 51, 52}, {0}}) {
        std::vector<int64_t> times = Frames(100);
        for (const size_t i : liars) times[i] += off;
        const StreamClock clock = Played(times, reorders);
        EXPECT_FALSE(clock.steady()) << off;
        EXPECT_NEAR(clock.length(), 4 * kSecond, kFrame) << off << ", first " << liars[0];
      }
    }
  }
  std::vector<int64_t> last = Frames(100);
  last.back() += 10800 * kSecond;
  EXPECT_EQ(Played(last).length(), 4 * kSecond);
}

TEST(StreamClock, ShownBeforeItIsDecoded) {
  StreamClock clock(/*reorders=*/true, kLongestGapUs);
  for (int i = 0; i < 100; ++i) {
    const int64_t time = i * kFrame;
    clock.Add({.shown = i == 3 ? time - 5 * kSecond : time, .decoded = time, .length = kFrame});
  }
  clock.Finish();
  EXPECT_FALSE(clock.steady());
  EXPECT_EQ(clock.start(), 0);
  EXPECT_EQ(clock.length(), 4 * kSecond);
}

std::vector<int64_t> PlayingTimes(const std::vector<int64_t>& times, int64_t length = kFrame) {
  StreamClock clock(/*reorders=*/false, kLongestStillUs, /*keep_times=*/true);
  for (const int64_t time : times) clock.Add({.shown = time, .decoded = {}, .length = length});
  clock.Finish();
  return clock.TakeTimes();
}

TEST(StreamClock, PlayingTimesLeaveOutJumps) {
  const std::vector<int64_t> steady = Frames(100);
  EXPECT_EQ(PlayingTimes(Frames(100, 7 * kSecond)), steady);
  EXPECT_EQ(PlayingTimes(Frames(50) + Frames(50)), steady);
  EXPECT_EQ(PlayingTimes(Frames(50, 3 * kSecond) + Frames(50, 9000 * kSecond)), steady);
  // A still of 5 s in the second recording stays one.
  EXPECT_EQ(PlayingTimes(Frames(50) + Frames(10, 9000 * kSecond) + Frames(40, 9005 * kSecond)),
            Frames(60) + Frames(40, 7 * kSecond));
  EXPECT_TRUE(PlayingTimes({}).empty());
  EXPECT_TRUE(PlayingTimes({0, kFrame, kMin, 3 * kFrame}).empty()) << "one has no time";
}

TEST(StreamClock, PacketsThatLiePlayWithANeighbour) {
  for (const size_t liar : {size_t{0}, size_t{50}, size_t{99}}) {
    std::vector<int64_t> times = Frames(100);
    times[liar] += 10800 * kSecond;
    const std::vector<int64_t> playing = PlayingTimes(times);
    ASSERT_EQ(playing.size(), 100u);
    EXPECT_EQ(playing.front(), 0);
    for (size_t i = 0; i < 100; ++i) EXPECT_NEAR(playing[i], Frames(100)[i], kFrame) << i;
  }
}

// Nothing overflows: the sanitizers watch.
TEST(StreamClock, TimesAtTheEndsOfTheRange) {
  const std::vector<int64_t> ends = {
      kMin, kMin + 1, -(kMax / 4), -(kMax / 4) - 1, 0, kMax / 4, kMax / 2, kMax - 1, kMax, -1};
  for (const bool reorders : {false, true}) {
    for (const int64_t length : {int64_t{0}, kFrame, kMin, kMax, kMax / 4}) {
      std::vector<int64_t> times = ends + Frames(50) + ends + ends;
      EXPECT_GE(Played(times, reorders, kLongestGapUs, length).length(), 0);
      EXPECT_GE(Played(ends, reorders, kLongestGapUs, length).length(), 0);
    }
  }
  std::vector<int64_t> swings;
  for (int i = 0; i < 500; ++i) swings.push_back(i % 2 == 0 ? kMax / 4 : -(kMax / 4));
  EXPECT_GE(Played(swings).length(), 0);
}

}  // namespace
}  // namespace vidmuse
