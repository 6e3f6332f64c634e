#include "core/video/sampling_rules.h"

#include "core/model/architecture/video_frames.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(WholeSeconds, TruncatesTheDurationInHundredths) {
  EXPECT_EQ(WholeSeconds(0), 0);
  EXPECT_EQ(WholeSeconds(990000), 0);
  EXPECT_EQ(WholeSeconds(994999), 0);
  EXPECT_EQ(WholeSeconds(995000), 1);
  EXPECT_EQ(WholeSeconds(1000000), 1);
  EXPECT_EQ(WholeSeconds(7791667), 7);
  EXPECT_EQ(WholeSeconds(29996633), 30);  // 899 frames at 30000/1001 a second
}

TEST(MeasuredFrameRate, IsWholeWhenItNearlyIs) {
  EXPECT_EQ(MeasuredFrameRate(300, 9999000), 30);
  EXPECT_EQ(MeasuredFrameRate(300, 10001000), 30);
  EXPECT_EQ(MeasuredFrameRate(899, 29996633), 30);
  EXPECT_EQ(MeasuredFrameRate(100, 8000000), 12.5);
  EXPECT_EQ(MeasuredFrameRate(1, 4000000), 0.25);
}

TEST(LocalFrameIndices, TakesEveryHalfSecondRoundedUp) {
  EXPECT_THAT(LocalFrameIndices(10, 40, 4), ElementsAre(0, 5, 10, 15, 20, 25, 30, 35));
  EXPECT_THAT(LocalFrameIndices(25, 108, 4), ElementsAre(0, 13, 26, 39, 52, 65, 78, 91));
  EXPECT_THAT(LocalFrameIndices(30000.0 / 1001, 60, 2), ElementsAre(0, 15, 30, 45));
}

TEST(LocalFrameIndices, RepeatsTheLastOneWhenThereAreTooFew) {
  EXPECT_THAT(LocalFrameIndices(25, 30, 2), ElementsAre(0, 13, 26, 26));
  EXPECT_THAT(LocalFrameIndices(25, 27, 2), ElementsAre(0, 13, 26, 26));
  EXPECT_THAT(LocalFrameIndices(25, 26, 2), ElementsAre(0, 13, 13, 13));
  EXPECT_THAT(LocalFrameIndices(10, 1, 1), ElementsAre(0, 0));
}

TEST(LocalFrameIndices, TakesEveryFrameOfASlowVideo) {
  EXPECT_THAT(LocalFrameIndices(2, 6, 3), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(LocalFrameIndices(0.25, 3, 2), ElementsAre(0, 1, 2, 2));
}

TEST(GlobalFrameIndices, SpreadsOverTheWholeVideo) {
  const auto indices = GlobalFrameIndices(187);
  ASSERT_EQ(indices.size(), 32u);
  EXPECT_EQ(indices[0], 0);
  EXPECT_EQ(indices[1], 6);
  EXPECT_EQ(indices[20], 120);
  EXPECT_EQ(indices[30], 180);
  EXPECT_EQ(indices[31], 186);
  EXPECT_THAT(GlobalFrameIndices(1), Each(0));
}

TEST(GlobalFrameIndices, RoundingNeverMovesAFrame) {
  for (int64_t frames = 1; frames <= 144000; frames += frames < 5000 ? 1 : 97) {
    const auto indices = GlobalFrameIndices(frames);
    for (int64_t i = 0; i < kGlobalFrames; ++i) {
      ASSERT_EQ(indices[i], i * (frames - 1) / 31) << frames << " frames, position " << i;
    }
  }
}

}  // namespace
}  // namespace vidmuse
