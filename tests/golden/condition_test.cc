// The conditioner against what the reference computed with the same weights, and what a frame's
// condition may depend on.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/architecture/positions.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/conditioner/video_encoder.h"
#include "core/model/synthetic/hash_model.h"
#include "core/video/frame_sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-4;
constexpr int kWindowFrames = 60;  // local frames that the reference's condition covers

LmConfig TinyConfig() {
  LmConfig config;
  config.dim = 64;
  config.num_heads = 2;
  config.num_layers = 2;
  config.hidden_scale = 1;
  config.card = 64;
  return config;
}

std::unique_ptr<VideoEncoder> LoadEncoder(int threads) {
  const auto file = HashLmFile(HashModelSizes());
  WeightReader weights(file.get(), "best_state/");
  auto encoder = VideoEncoder::Load(TinyConfig(), weights, threads);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  return *std::move(encoder);
}

VideoFrames Sample(const std::string& video) {
  std::ifstream in(absl::StrCat(VIDMUSE_TEST_DATA "/golden/videos/", video, ".mp4"),
                   std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  auto frames = SampleVideo(bytes.str(), Limits(), 0, CancelFlag());
  EXPECT_TRUE(frames.ok()) << frames.status();
  return *std::move(frames);
}

std::vector<float> Encode(const VideoEncoder& encoder, const VideoFrames& frames) {
  auto rows = encoder.Encode(frames, CancelFlag());
  EXPECT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->size(), frames.local.size() * 50 * encoder.dim());
  return *std::move(rows);
}

// The condition of the i-th local frame.
std::vector<float> FrameRows(const std::vector<float>& rows, size_t i, int dim) {
  return {rows.begin() + i * 50 * dim, rows.begin() + (i + 1) * 50 * dim};
}

double Worst(const float* values, const std::vector<float>& expected) {
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    // The negation lets a NaN through to the comparison.
    const double difference = std::abs(double{values[i]} - expected[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

class GoldenConditionTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Videos, GoldenConditionTest,
                         testing::Values("pattern_4s", "life_7s", "zoom_63s"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(GoldenConditionTest, IsTheReferences) {
  const auto file = TensorFile::OpenTorch(VIDMUSE_TEST_DATA "/golden/tiny/expected.pt");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto expected = [&](const std::string& name) {
    const std::string key = absl::StrCat(GetParam(), "/", name);
    auto values = WeightReader(file->get(), "").Read(key, (*file)->tensors().at(key).shape);
    EXPECT_TRUE(values.ok()) << values.status();
    return *std::move(values);
  };
  const auto encoder = LoadEncoder(2);
  const int dim = encoder->dim();
  const std::vector<float> rows = Encode(*encoder, Sample(GetParam()));
  const size_t tokens = std::min(rows.size() / dim, size_t{kWindowFrames} * 50);

  const std::vector<float> head = expected("condition_head");
  const std::vector<float> tail = expected("condition_tail");
  EXPECT_LT(Worst(rows.data(), head), kTolerance);
  EXPECT_LT(Worst(rows.data() + tokens * dim - tail.size(), tail), kTolerance);

  std::vector<double> sums(dim);
  for (size_t i = 0; i < tokens * dim; ++i) sums[i % dim] += rows[i];
  std::vector<float> mean;
  for (double sum : sums) mean.push_back(static_cast<float>(sum / tokens));
  EXPECT_LT(Worst(mean.data(), expected("condition_mean")), kTolerance);
  EXPECT_LT(Worst(encoder->null_condition().data(), expected("null_condition")), kTolerance);
}

// Local frames that are global too, others that aren't, and one twice.
VideoFrames SmallVideo() {
  VideoFrames video = Sample("pattern_4s");
  const auto shared = std::count_if(video.local.begin(), video.local.end(), [&](int frame) {
    return std::count(video.global.begin(), video.global.end(), frame) > 0;
  });
  EXPECT_GT(shared, 0);
  EXPECT_LT(shared, static_cast<int>(video.local.size()));
  video.local.push_back(video.local[1]);
  return video;
}

TEST(ConditionTest, DoesNotDependOnThreads) {
  const VideoFrames video = SmallVideo();
  const std::vector<float> one = Encode(*LoadEncoder(1), video);
  EXPECT_EQ(one, Encode(*LoadEncoder(2), video));
  EXPECT_EQ(one, Encode(*LoadEncoder(5), video));
}

TEST(ConditionTest, AFramesRowsDependOnItAndTheGlobalFramesAlone) {
  const auto encoder = LoadEncoder(2);
  const int dim = encoder->dim();
  const VideoFrames video = SmallVideo();
  const std::vector<float> all = Encode(*encoder, video);
  EXPECT_EQ(FrameRows(all, 1, dim), FrameRows(all, video.local.size() - 1, dim));

  // Each one alone, and in another order.
  VideoFrames other = video;
  for (size_t i = 0; i < video.local.size(); ++i) {
    other.local = {video.local[i]};
    EXPECT_EQ(Encode(*encoder, other), FrameRows(all, i, dim)) << i;
  }
  other.local.assign(video.local.rbegin(), video.local.rend());
  const std::vector<float> reversed = Encode(*encoder, other);
  for (size_t i = 0; i < video.local.size(); ++i) {
    EXPECT_EQ(FrameRows(reversed, video.local.size() - 1 - i, dim), FrameRows(all, i, dim)) << i;
  }
}

TEST(ConditionTest, DoesNotDependOnAFramesPlaceAmongTheDistinctOnes) {
  const auto encoder = LoadEncoder(2);
  const VideoFrames video = SmallVideo();
  const std::vector<float> rows = Encode(*encoder, video);
  // Turned by one, two and three places, every frame is computed at every place of a chunk.
  for (int turn = 1; turn < 4; ++turn) {
    VideoFrames turned = video;
    const int count = static_cast<int>(video.frames.size());
    for (int i = 0; i < count; ++i) turned.frames[(i + turn) % count] = video.frames[i];
    for (int& index : turned.local) index = (index + turn) % count;
    for (int& index : turned.global) index = (index + turn) % count;
    EXPECT_EQ(Encode(*encoder, turned), rows) << turn;
  }
}

TEST(ConditionTest, FramesHeldTwiceAreTheSame) {
  const auto encoder = LoadEncoder(1);
  const VideoFrames video = SmallVideo();
  VideoFrames copies;
  for (const std::vector<int>* indices : {&video.local, &video.global}) {
    for (int index : *indices) {
      (indices == &video.local ? copies.local : copies.global)
          .push_back(static_cast<int>(copies.frames.size()));
      copies.frames.push_back(video.frames[index]);
    }
  }
  EXPECT_EQ(Encode(*encoder, copies), Encode(*encoder, video));
}

TEST(ConditionTest, GlobalFramesMatter) {
  const auto encoder = LoadEncoder(1);
  VideoFrames video = SmallVideo();
  const std::vector<float> rows = Encode(*encoder, video);
  video.global[31] = video.global[0];
  EXPECT_NE(Encode(*encoder, video), rows);
}

TEST(ConditionTest, RefusesBadFrames) {
  const auto encoder = LoadEncoder(1);
  const VideoFrames good = SmallVideo();
  const auto error = [&](const VideoFrames& video) {
    const absl::Status status = encoder->Encode(video, CancelFlag()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  VideoFrames bad = good;
  bad.local.clear();
  EXPECT_THAT(error(bad), HasSubstr("local frame"));
  bad = good;
  bad.local[0] = static_cast<int>(bad.frames.size());
  EXPECT_THAT(error(bad), HasSubstr(absl::StrCat("frame ", bad.frames.size())));
  bad = good;
  bad.global[3] = -1;
  EXPECT_THAT(error(bad), HasSubstr("frame -1"));
  bad = good;
  bad.global.pop_back();
  EXPECT_THAT(error(bad), HasSubstr("31 global frames"));
  bad = good;
  bad.frames[2].pop_back();
  EXPECT_THAT(error(bad), HasSubstr("frame 2 has 150527 bytes"));
}

TEST(ConditionTest, IsCancelled) {
  CancelFlag cancel;
  cancel.Cancel();
  const absl::Status status = LoadEncoder(1)->Encode(SmallVideo(), cancel).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(ConditionTest, LoadNamesTheTensorThatDoesNotFit) {
  const auto file = HashLmFile(HashModelSizes());
  WeightReader weights(file.get(), "best_state/");
  LmConfig config = TinyConfig();
  config.num_heads = 3;
  const absl::Status status = VideoEncoder::Load(config, weights, 1).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("'local_temporal_transformer.layers.0.0.fn.to_qkv.weight'"));
}

TEST(SinusoidalPositionsTest, IsCosinesThenSines) {
  constexpr int kDim = 64, kHalf = kDim / 2, kPositions = 1504;
  const std::vector<float> table = SinusoidalPositions(kPositions, kDim);
  ASSERT_EQ(table.size(), size_t{kPositions} * kDim);
  for (int step : {0, 1, 7, 1503}) {
    for (int i = 0; i < kHalf; ++i) {
      const double phase = step / std::pow(10000.0, i / (kHalf - 1.0));
      EXPECT_NEAR(table[step * kDim + i], std::cos(phase), 2e-4) << step << " " << i;
      EXPECT_NEAR(table[step * kDim + kHalf + i], std::sin(phase), 2e-4) << step << " " << i;
    }
  }
}

}  // namespace
}  // namespace vidmuse
