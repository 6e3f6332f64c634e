// Sampled frames against what the published code makes of the same videos.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "core/model/checkpoint/tensor_file.h"
#include "core/video/frame_sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

constexpr size_t kPlane = static_cast<size_t>(kFrameSize) * kFrameSize;

struct Case {
  const char* name;
  int seconds;
};

class VideoFramesGolden : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string folder = std::string(VIDMUSE_TEST_DATA) + "/golden/";
    auto expected = TensorFile::OpenTorch(folder + "tiny/expected.pt");
    ASSERT_TRUE(expected.ok()) << expected.status();
    expected_ = *std::move(expected);
    std::ifstream file(folder + "videos/" + GetParam().name + ".mp4", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const CancelFlag cancel;
    auto video = SampleVideo(bytes, Limits(), 0, cancel);
    ASSERT_TRUE(video.ok()) << video.status();
    video_ = *std::move(video);
  }

  const TensorView& Expected(const std::string& key) const {
    return expected_->tensors().at(std::string(GetParam().name) + "/" + key);
  }

  // `means` is [3, frames].
  void CheckMeans(const TensorView& means, const std::vector<int>& indices) const {
    ASSERT_THAT(means.shape, ::testing::ElementsAre(3, indices.size()));
    const auto* values = static_cast<const float*>(means.data);
    for (size_t i = 0; i < indices.size(); ++i) {
      const auto& frame = video_.frames[indices[i]];
      for (size_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (size_t p = 0; p < kPlane; ++p) sum += frame[c * kPlane + p];
        EXPECT_NEAR(sum / kPlane, values[c * indices.size() + i], 1e-3)
            << "frame " << i << ", channel " << c;
      }
    }
  }

  void CheckFrame(const TensorView& pixels, int index) const {
    ASSERT_EQ(pixels.elements(), static_cast<int64_t>(3 * kPlane));
    const auto* values = static_cast<const uint8_t*>(pixels.data);
    const auto& frame = video_.frames[index];
    size_t different = 0;
    for (size_t p = 0; p < 3 * kPlane; ++p) {
      different += frame[p] != values[p];
      ASSERT_LE(std::abs(frame[p] - values[p]), 1) << "value " << p;
    }
    EXPECT_LT(different, 3 * kPlane / 1000);
  }

  std::unique_ptr<TensorFile> expected_;
  VideoFrames video_;
};

TEST_P(VideoFramesGolden, SameFrames) {
  EXPECT_EQ(video_.seconds, GetParam().seconds);
  ASSERT_EQ(video_.local.size(), 2u * GetParam().seconds);
  ASSERT_EQ(video_.global.size(), 32u);
  CheckMeans(Expected("local_mean"), video_.local);
  CheckMeans(Expected("global_mean"), video_.global);
  CheckFrame(Expected("local_frame1"), video_.local[1]);
  CheckFrame(Expected("global_frame20"), video_.global[20]);
}

INSTANTIATE_TEST_SUITE_P(Videos, VideoFramesGolden,
                         ::testing::Values(Case{"pattern_4s", 4}, Case{"life_7s", 7},
                                           Case{"zoom_63s", 63}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vidmuse
