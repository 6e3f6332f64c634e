// Songs of several variants in the batch.
#include <gtest/gtest.h>

#include "tests/unit/engine/scheduler_fixture.h"

namespace vidmuse {
namespace {

class SchedulerVariantsTest : public SchedulerTest {
 protected:
  // A song whose first variant has the seed `video`, with variants of these seeds besides.
  std::shared_ptr<TestSong> AddVariants(int seconds, uint64_t video, std::vector<uint64_t> more) {
    auto song = std::make_shared<TestSong>();
    song->more_seeds = std::move(more);
    return AddSong(std::move(song), seconds, video, Sampled(video), {}, "",
                   absl::InfiniteDuration());
  }
  static void ExpectMade(const TestSong& song, int seconds, uint64_t video) {
    ASSERT_TRUE(song.end.has_value());
    EXPECT_TRUE(song.end->ok()) << *song.end;
    EXPECT_EQ(song.made, FakeSong(seconds, video, Sampled(video)));
    for (size_t i = 0; i < song.more_seeds.size(); ++i) {
      EXPECT_EQ(song.others.at(static_cast<int>(i) + 1),
                FakeSong(seconds, video, Sampled(song.more_seeds[i])));
    }
  }
};

TEST_F(SchedulerVariantsTest, TheyTakeARowEach) {
  SchedulerOptions options;
  options.max_batch = 4;
  Start(options);
  const auto three = AddVariants(31, 1, {10, 11});
  const auto two = AddVariants(2, 2, {20});
  const auto one = Add(2, 3, Sampled(3));
  scheduler_->RunStep();
  EXPECT_TRUE(three->placed);
  EXPECT_FALSE(two->placed) << "one row is left";
  EXPECT_FALSE(one->placed) << "nobody overtakes the first of the queue";
  EXPECT_EQ(scheduler_->load().running.at(0).rows, 3);
  EXPECT_EQ(scheduler_->load().waiting.at(0).rows, 2);
  RunToEnd();
  EXPECT_EQ(largest_batch_, 3u) << "two and one";
  ExpectMade(*three, 31, 1);
  ExpectMade(*two, 2, 2);
  ExpectMade(*one, 2, 3);
  EXPECT_EQ(model_.open_windows(), 0);
  EXPECT_EQ(scheduler_->load().kv_bytes, 0u);
}

TEST_F(SchedulerVariantsTest, TheirMemoryIsCounted) {
  SchedulerOptions options;
  const size_t one = model_.WindowBytes(4, WindowSequence::Capacity(100, 4));
  options.max_kv_bytes = 3 * one;
  Start(options);
  const auto four = AddVariants(2, 1, {10, 11, 12});
  ASSERT_TRUE(four->end.has_value());
  EXPECT_TRUE(absl::IsResourceExhausted(*four->end)) << *four->end;
  const auto two = AddVariants(2, 2, {20});
  const auto other = AddVariants(2, 3, {30});
  scheduler_->RunStep();
  EXPECT_EQ(scheduler_->load().kv_bytes, 2 * one);
  EXPECT_FALSE(other->placed);
  RunToEnd();
  ExpectMade(*two, 2, 2);
  ExpectMade(*other, 2, 3);
}

TEST_F(SchedulerVariantsTest, AFailedStepEndsThemTogetherAndNobodyElse) {
  Start({});
  const auto bad = AddVariants(2, 1, {10});
  const auto good = AddVariants(2, 2, {20});
  step_error_ = [](absl::Span<StepRequest> requests) {
    for (const StepRequest& request : requests) {
      if (request.sampling != nullptr && request.sampling->seed == 10 && request.frame > 20) {
        return absl::InternalError("a logit is not finite");
      }
    }
    return absl::OkStatus();
  };
  RunToEnd();
  ASSERT_TRUE(bad->end.has_value());
  EXPECT_TRUE(absl::IsInternal(*bad->end));
  ExpectMade(*good, 2, 2);
  EXPECT_EQ(model_.open_windows(), 0);
}

TEST_F(SchedulerVariantsTest, StreamsThatGiveWayStayWhole) {
  SchedulerOptions options;
  options.max_batch = 2;
  options.stream_lead = absl::Seconds(2);
  Start(options);
  auto two = std::make_shared<TestSong>();
  two->more_seeds = {10};
  two->playback = std::make_shared<Playback>();
  two->clock = &clock_;
  AddSong(two, 20, 1, Sampled(1), {}, "", absl::InfiniteDuration());
  const auto one = AddStream(20, 2);
  RunToEnd();
  ExpectMade(*two, 20, 1);
  ExpectMade(*one, 20, 2);
  EXPECT_LE(largest_batch_, 2u);
}

}  // namespace
}  // namespace vidmuse
