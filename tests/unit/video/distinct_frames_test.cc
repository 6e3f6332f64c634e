#include "core/video/distinct_frames.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

TEST(DistinctFrames, HoldsEqualFramesOnce) {
  DistinctFrames store;
  EXPECT_EQ(store.Add({1, 2, 3}), 0);
  EXPECT_EQ(store.Add({1, 2, 4}), 1);
  EXPECT_EQ(store.Add({1, 2, 3}), 0);
  EXPECT_EQ(store.Add({1, 2, 4}), 1);
  EXPECT_EQ(store.Add({}), 2);
  EXPECT_THAT(store.Take(),
              ::testing::ElementsAre(std::vector<uint8_t>{1, 2, 3}, std::vector<uint8_t>{1, 2, 4},
                                     std::vector<uint8_t>{}));
}

}  // namespace
}  // namespace vidmuse
