#include "core/evaluate/find_cuts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse::evaluate {
namespace {

TEST(FindCutsTest, FindsWhereTheSceneChanges) {
  const std::string path = FreshFolder() + "/video.mp4";
  WriteFile(path, Ffmpeg("-f lavfi -i color=red:s=320x240:d=1:r=25 "
                         "-f lavfi -i color=blue:s=320x240:d=1.4:r=25 "
                         "-f lavfi -i testsrc=s=320x240:d=2:r=25 "
                         "-filter_complex concat=n=3 -pix_fmt yuv420p",
                         "video.mp4"));
  const absl::StatusOr<std::vector<double>> cuts = FindCuts(path);
  ASSERT_TRUE(cuts.ok()) << cuts.status();
  EXPECT_THAT(*cuts,
              testing::ElementsAre(testing::DoubleNear(1, 1e-9), testing::DoubleNear(2.4, 1e-9)));
}

TEST(FindCutsTest, NamesAFileThatIsNoVideo) {
  const std::string path = FreshFolder() + "/video.mp4";
  WriteFile(path, "no video");
  const absl::Status status = FindCuts(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(path));
}

}  // namespace
}  // namespace vidmuse::evaluate
