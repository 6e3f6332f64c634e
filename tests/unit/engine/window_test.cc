#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/engine/window_plan.h"
#include "core/engine/window_sequence.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;

TEST(WindowPlan, OneWindowUpToThirtySeconds) {
  for (int seconds = 1; seconds <= 30; ++seconds) {
    const std::vector<WindowSpec> windows = PlanWindows(seconds);
    ASSERT_EQ(windows.size(), 1u) << seconds;
    EXPECT_EQ(windows[0].frames, seconds * 50);
    EXPECT_EQ(windows[0].local_count, seconds * 2);
    EXPECT_EQ(windows[0].prompt_frames, 0);
  }
}

TEST(WindowPlan, SixtyThreeSeconds) {
  const std::vector<WindowSpec> windows = PlanWindows(63);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[1].first_frame, 1475);
  EXPECT_EQ(windows[1].frames, 1500);
  EXPECT_EQ(windows[1].prompt_frames, 25);
  EXPECT_EQ(windows[1].first_local, 59);
  EXPECT_EQ(windows[1].local_count, 60);
  // Dropping 59 more of 126 would leave 8, so the last 60 stay.
  EXPECT_EQ(windows[2].first_frame, 2950);
  EXPECT_EQ(windows[2].frames, 200);
  EXPECT_EQ(windows[2].first_local, 66);
  EXPECT_EQ(windows[2].local_count, 8);
}

TEST(WindowPlan, OverlapsOfTwelveSeconds) {
  const std::vector<WindowSpec> windows = PlanWindows(63, 600);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[1].first_frame, 900);  // a stride of 18 s
  EXPECT_EQ(windows[1].frames, 1500);
  EXPECT_EQ(windows[1].prompt_frames, 600);
  EXPECT_EQ(windows[1].first_local, 36);
  EXPECT_EQ(windows[1].local_count, 60);
  // Dropping 36 more of 126 would leave 54, so the last 60 stay.
  EXPECT_EQ(windows[2].first_frame, 1800);
  EXPECT_EQ(windows[2].frames, 1350);
  EXPECT_EQ(windows[2].prompt_frames, 600);
  EXPECT_EQ(windows[2].first_local, 66);
  EXPECT_EQ(windows[2].local_count, 54);
}

TEST(WindowPlan, AlignedByTimeEveryWindowSeesItsOwnSeconds) {
  for (int seconds = 1; seconds <= 200; ++seconds) {
    for (int overlap = 25; overlap <= 1000; overlap += 75) {
      const auto windows = PlanWindows(seconds, overlap, Alignment::kTime);
      const auto published = PlanWindows(seconds, overlap);
      ASSERT_EQ(windows.size(), published.size());
      for (size_t i = 0; i < windows.size(); ++i) {
        ASSERT_EQ(windows[i].first_frame, published[i].first_frame);
        ASSERT_EQ(windows[i].frames, published[i].frames);
        ASSERT_EQ(windows[i].prompt_frames, published[i].prompt_frames);
        ASSERT_EQ(windows[i].first_local * 25, windows[i].first_frame);
        ASSERT_EQ(windows[i].local_count * 25, windows[i].frames);
      }
      ASSERT_EQ(windows.back().end_local(), 2 * seconds);
    }
  }
}

TEST(WindowPlan, AWindowBeginsWithTheLastFramesOfTheOneBefore) {
  for (int overlap = 25; overlap <= 1000; overlap += 25) {
    const std::vector<WindowSpec> windows = PlanWindows(200, overlap);
    for (size_t i = 1; i < windows.size(); ++i) {
      ASSERT_EQ(windows[i].first_frame, windows[i - 1].first_frame + 1500 - overlap);
      ASSERT_EQ(windows[i].prompt_frames, overlap);
    }
  }
}

class WindowPlanOverlap : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Frames, WindowPlanOverlap, testing::Values(25, 50, 250, 600, 1000));

TEST_P(WindowPlanOverlap, EveryFrameIsMadeOnceAndEveryLocalFrameExists) {
  for (int seconds = 1; seconds <= 700; ++seconds) {
    const std::vector<WindowSpec> windows = PlanWindows(seconds, GetParam());
    int64_t made = 0;
    for (const WindowSpec& window : windows) {
      ASSERT_EQ(window.first_frame + window.prompt_frames, made) << seconds;
      ASSERT_GT(window.end_frame(), made);
      ASSERT_LE(window.frames, kWindowFrames);
      ASSERT_GE(window.first_local, 0);
      ASSERT_GE(window.local_count, 1);
      ASSERT_LE(window.first_local + window.local_count, 2 * seconds);
      for (int64_t frame = made; frame < window.end_frame(); ++frame) {
        ASSERT_EQ(&windows[WindowOfFrame(windows, frame)], &window);
      }
      made = window.end_frame();
    }
    ASSERT_EQ(made, seconds * 50);
  }
}

std::vector<int32_t> Feed(WindowSequence& sequence, int n) {
  const auto tokens = sequence.Next(n);
  return {tokens.begin(), tokens.end()};
}

TEST(WindowSequence, DelaysEachCodebookByOneMoreStep) {
  constexpr int kCard = 99;
  WindowSequence sequence(/*frames=*/2, /*codebooks=*/3, kCard, {});
  EXPECT_EQ(sequence.pending(), 1);
  EXPECT_EQ(sequence.drawn_frame(), 0);
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(kCard, kCard, kCard));
  sequence.Drawn({10, 77, 77});  // codebooks 1 and 2 have no frame yet
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(10, kCard, kCard));
  EXPECT_EQ(sequence.complete_frames(), 0);
  sequence.Drawn({11, 20, 77});
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(11, 20, kCard));
  sequence.Drawn({77, 21, 30});
  EXPECT_EQ(sequence.complete_frames(), 1);
  EXPECT_FALSE(sequence.done());
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(kCard, 21, 30));
  sequence.Drawn({77, 77, 31});
  EXPECT_TRUE(sequence.done());
  EXPECT_EQ(sequence.complete_frames(), 2);
  std::vector<int32_t> frames;
  sequence.AppendFrame(0, &frames);
  sequence.AppendFrame(1, &frames);
  EXPECT_THAT(frames, ElementsAre(10, 20, 30, 11, 21, 31));
}

TEST(WindowSequence, KnownFramesAreFedAndKept) {
  constexpr int kCard = 99;
  const std::vector<int32_t> known = {1, 2, 3, 4};  // two frames of two codebooks
  WindowSequence sequence(/*frames=*/4, /*codebooks=*/2, kCard, known);
  ASSERT_EQ(sequence.pending(), 3);
  EXPECT_EQ(sequence.drawn_frame(), 2);
  EXPECT_THAT(Feed(sequence, 2), ElementsAre(kCard, kCard, 1, kCard));
  sequence.Fed(2);
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(3, 2));
  sequence.Drawn({5, 77});  // codebook 1's frame 1 is known: 4 stays
  EXPECT_THAT(Feed(sequence, 1), ElementsAre(5, 4));
  EXPECT_EQ(WindowSequence::Capacity(4, 2), 5);
}

}  // namespace
}  // namespace vidmuse
