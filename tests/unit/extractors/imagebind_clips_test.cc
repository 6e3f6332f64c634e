// Which parts of a sound or a video ImageBind looks at.
#include "core/extractors/imagebind_clips.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;

TEST(ImageBindClips, SpreadOverTheSound) {
  EXPECT_THAT(SoundClips(160'000, 16'000, 3),
              ElementsAre(Stretch{0, 32'000}, Stretch{64'000, 96'000}, Stretch{128'000, 160'000}));
}

TEST(ImageBindClips, SampleIsAtOrBeforeItsTime) {
  // 32001 samples are 2.0000625 s. The double is a little less, so that the last clip begins just
  // before sample 1.
  EXPECT_THAT(SoundClips(32'001, 16'000, 3),
              ElementsAre(Stretch{0, 32'000}, Stretch{0, 32'000}, Stretch{0, 32'000}));
}

TEST(ImageBindClips, ShortSoundHasTheSameClipThrice) {
  EXPECT_THAT(SoundClips(8'000, 16'000, 3),
              ElementsAre(Stretch{0, 32'000}, Stretch{0, 32'000}, Stretch{0, 32'000}));
}

TEST(ImageBindClips, FrameIsAtOrAfterItsTime) {
  EXPECT_THAT(PictureClips(187, 24, 5),
              ElementsAre(Stretch{0, 48}, Stretch{35, 83}, Stretch{70, 118}, Stretch{105, 153},
                          Stretch{139, 187}));
  EXPECT_THAT(PictureClips(30, 25, 2), ElementsAre(Stretch{0, 30}, Stretch{0, 30}));
}

TEST(ImageBindWindows, LastOneIsThereIfHalfOfItIs) {
  EXPECT_EQ(SoundWindows(16'000 * 5, 16'000).size(), 3u);
  EXPECT_EQ(SoundWindows(16'000 * 5 - 1, 16'000).size(), 2u);
  EXPECT_EQ(SoundWindows(100, 16'000).size(), 1u);
  EXPECT_THAT(PictureWindows(125, 25),
              ElementsAre(Stretch{0, 50}, Stretch{50, 100}, Stretch{100, 125}));
  EXPECT_THAT(PictureWindows(124, 25), ElementsAre(Stretch{0, 50}, Stretch{50, 100}));
  EXPECT_THAT(PictureWindows(3, 25), ElementsAre(Stretch{0, 3}));
}

}  // namespace
}  // namespace vidmuse
