#include "server/live_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vidmuse {
namespace {

using testing::Optional;
using testing::StrEq;

TEST(LiveWatch, TellsOfEachChangeOnceAndEndsWhatLasts) {
  const absl::Status lost = absl::UnavailableError("the device is lost");
  LiveWatch watch;
  absl::Duration now = absl::Hours(1);
  EXPECT_EQ(watch.Observe(absl::OkStatus(), now), std::nullopt);
  EXPECT_THAT(watch.Observe(lost, now), Optional(StrEq("not live: the device is lost")));
  now += absl::Seconds(59);
  EXPECT_EQ(watch.Observe(lost, now), std::nullopt);
  EXPECT_FALSE(watch.over());
  EXPECT_THAT(watch.Observe(absl::OkStatus(), now), Optional(StrEq("live again")));
  now += absl::Seconds(59);
  EXPECT_NE(watch.Observe(lost, now), std::nullopt) << "another time";
  now += absl::Seconds(59);
  EXPECT_EQ(watch.Observe(lost, now), std::nullopt);
  EXPECT_FALSE(watch.over());
  now += absl::Seconds(2);
  EXPECT_EQ(watch.Observe(lost, now), std::nullopt);
  EXPECT_TRUE(watch.over());
}

}  // namespace
}  // namespace vidmuse
