// Chosen pictures of a video, in this process and through the sandbox.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/unique_fd.h"
#include "core/video/picture_decoder.h"
#include "core/video/picture_order.h"
#include "core/video/picture_scaler.h"
#include "core/video/sandbox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Result {
  PictureInfo info;
  std::vector<Picture> pictures;
};

absl::StatusOr<Result> Decode(const std::string& file, const PictureOrder& order) {
  const CancelFlag never;
  Result result;
  const absl::Status status = DecodePictures(
      file, order, Limits(), never,
      [&](const PictureInfo& info, absl::Duration) {
        result.info = info;
        return absl::OkStatus();
      },
      [&](Picture picture) {
        result.pictures.push_back(std::move(picture));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return result;
}

class Sandboxed {
 public:
  explicit Sandboxed(const std::string& program)
      : sandbox_(VideoSandbox::Create(absl::StrCat(VIDMUSE_BIN_DIR, "/", program),
                                      VideoSandbox::Filter::kRequired, {})
                     .value()) {}

  absl::StatusOr<Result> Decode(const std::string& file, const PictureOrder& order) const {
    Result result;
    const auto take = [&](Picture picture) {
      result.pictures.push_back(std::move(picture));
      return absl::OkStatus();
    };
    const absl::StatusOr<PictureInfo> info = Read(file, order, take);
    if (!info.ok()) return info.status();
    result.info = *info;
    return result;
  }

  absl::StatusOr<PictureInfo> Read(const std::string& file, const PictureOrder& order,
                                   TakePicture take) const {
    const std::string path = ::testing::TempDir() + "/pictures_test";
    std::ofstream(path, std::ios::binary) << file;
    const UniqueFd opened(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const CancelFlag never;
    return sandbox_->ReadPictures(opened, order, Limits(), never, take);
  }

 private:
  const std::unique_ptr<VideoSandbox> sandbox_;
};

std::string Numbered(const std::string& options = "-c:v libx264 -g 15 -bf 3 -pix_fmt yuv420p") {
  return Ffmpeg(absl::StrCat(NumberedInput(), " ", options), "numbered.mp4");
}

// The numbers of frames of a NumberedInput.
std::vector<int> Numbers(const std::vector<Picture>& pictures) {
  std::vector<int> numbers;
  for (const Picture& picture : pictures) {
    // Luma 16 + 5 n, stretched from [16, 235] to [0, 255].
    const double luma = picture.pixels[picture.pixels.size() / 2] * 219.0 / 255;
    numbers.push_back(static_cast<int>(luma / 5 + 0.5));
  }
  return numbers;
}

TEST(Pictures, ByNumber) {
  const auto got = Decode(Numbered(), {.at = {0, 3, 3, 17, 39, 40, 1'000'000'000'000}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->info.width, 64);
  EXPECT_EQ(got->info.height, 48);
  EXPECT_EQ(got->info.frames, 40);
  EXPECT_EQ(got->info.frame_rate, 10);
  EXPECT_NEAR(got->info.seconds, 4, 1e-3);
  EXPECT_THAT(Numbers(got->pictures), ElementsAre(0, 3, 3, 17, 39, 39, 39));
  for (size_t i = 0; i < got->pictures.size(); ++i) {
    EXPECT_EQ(got->pictures[i].place, i);
    EXPECT_EQ(got->pictures[i].width, 64);
    EXPECT_EQ(got->pictures[i].height, 48);
    EXPECT_EQ(got->pictures[i].pixels.size(), 64u * 48 * 3);
  }
}

TEST(Pictures, ByTime) {
  const PictureOrder order = {.by = PicturesBy::kTime,
                              .at = {0, 99'999, 100'000, 1'050'000, 3'950'000, INT64_MAX}};
  const auto got = Decode(Numbered(), order);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(Numbers(got->pictures), ElementsAre(0, 0, 1, 10, 39, 39));
  // Without times of packets.
  const auto raw =
      Decode(Ffmpeg(absl::StrCat(NumberedInput(), " -c:v mpeg4 -q:v 2"), "numbered.avi"), order);
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_THAT(Numbers(raw->pictures), ElementsAre(0, 0, 1, 10, 39, 39));
}

TEST(Pictures, OnlyInfo) {
  const auto got = Decode(Numbered(), {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->info.frames, 40);
  EXPECT_TRUE(got->pictures.empty());
}

TEST(Pictures, AreUpright) {
  Numbered();
  const auto got =
      Decode(Ffmpeg("-i {dir}/numbered.mp4 -c copy -metadata:s:v rotate=90", "turned.mp4"),
             {.at = {7}, .short_side = 24});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->info.width, 48);
  EXPECT_EQ(got->info.height, 64);
  EXPECT_EQ(got->pictures[0].width, 24);
  EXPECT_EQ(got->pictures[0].height, 32);
  EXPECT_THAT(Numbers(got->pictures), ElementsAre(7));
}

TEST(Pictures, SandboxGivesTheSame) {
  const Sandboxed sandbox("vidmuse_video_decoder");
  const std::string file = Numbered();
  for (const PictureOrder& order :
       {PictureOrder{}, PictureOrder{.at = {1, 2, 30}},
        PictureOrder{.by = PicturesBy::kTime, .at = {5, 2'000'000}, .short_side = 20},
        PictureOrder{.at = {0, 39}, .short_side = 500, .grey = true}}) {
    const auto expected = Decode(file, order);
    const auto got = sandbox.Decode(file, order);
    ASSERT_TRUE(expected.ok() && got.ok()) << expected.status() << got.status();
    EXPECT_EQ(got->info.frames, expected->info.frames);
    EXPECT_EQ(got->info.seconds, expected->info.seconds);
    ASSERT_EQ(got->pictures.size(), order.at.size());
    for (size_t i = 0; i < order.at.size(); ++i) {
      EXPECT_EQ(got->pictures[i].place, i);
      EXPECT_EQ(got->pictures[i].width, expected->pictures[i].width);
      EXPECT_EQ(got->pictures[i].channels, order.grey ? 1 : 3);
      EXPECT_TRUE(got->pictures[i].pixels == expected->pictures[i].pixels);
    }
  }
}

TEST(Pictures, RefusalsAreTheSameInTheSandbox) {
  const Sandboxed sandbox("vidmuse_video_decoder");
  const std::string noise(100'000, 'x');
  for (const std::string& file : {std::string(), noise, Ffmpeg("-f lavfi -i sine=d=2", "a.wav"),
                                  Ffmpeg(NumberedInput(4), "short.mp4")}) {
    const auto expected = Decode(file, {.at = {0}});
    const auto got = sandbox.Decode(file, {.at = {0}});
    EXPECT_EQ(expected.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(got.status(), expected.status());
  }
}

TEST(Pictures, OrdersAreChecked) {
  const std::string file = Numbered();
  for (const PictureOrder& order : {PictureOrder{.at = {2, 1}}, PictureOrder{.at = {-1, 1}},
                                    PictureOrder{.at = {}, .short_side = -1},
                                    PictureOrder{.at = std::vector<int64_t>(kMostPictures + 1)}}) {
    EXPECT_EQ(Decode(file, order).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(UnpackPictureOrder(PackPictureOrder(order)).ok());
  }
  EXPECT_FALSE(UnpackPictureOrder("").ok());
  EXPECT_FALSE(UnpackPictureOrder(PackPictureOrder({.at = {1}}) + "x").ok());
}

TEST(Pictures, MissingOnesAreReplacedByThoseBefore) {
  const std::string whole =
      Ffmpeg(absl::StrCat(NumberedInput(), " -c:v mpeg4 -g 1 -q:v 2"), "numbered.avi");
  const std::string cut = whole.substr(0, whole.size() * 3 / 4);
  const auto got = Decode(cut, {.at = {0, 5, 20, 39}});
  ASSERT_TRUE(got.ok()) << got.status();
  const std::vector<int> numbers = Numbers(got->pictures);
  ASSERT_EQ(numbers.size(), 4u);
  EXPECT_EQ(numbers[1], 5);
  EXPECT_EQ(numbers[2], 20);
  EXPECT_LT(numbers[3], 35);
}

TEST(Pictures, ErrorOfTheTakerEndsTheReading) {
  const Sandboxed sandbox("vidmuse_video_decoder");
  int taken = 0;
  const auto take = [&](const Picture&) {
    return ++taken == 2 ? absl::DataLossError("enough") : absl::OkStatus();
  };
  const auto got = sandbox.Read(Numbered(), {.at = {0, 1, 2, 3}}, take);
  EXPECT_EQ(got.status(), absl::DataLossError("enough"));
  EXPECT_EQ(taken, 2);
}

TEST(Pictures, DecoderThatWasTakenOverIsNotBelieved) {
  const Sandboxed sandbox("tests/misbehaving_decoder");
  const PictureOrder order = {.at = {0, 1}};
  const auto good = sandbox.Decode("two pictures", order);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->pictures.size(), 2u);
  for (const char* deed :
       {"one picture", "three pictures", "pictures cut", "huge pictures", "pictures below nothing",
        "pictures of no frames", "pictures at no rate", "frames cut", "say nonsense", "crash"}) {
    const auto got = sandbox.Decode(deed, order);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << deed;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("crashed its decoder")) << deed;
  }
}

TEST(PictureScaler, AveragesAreas) {
  // Columns are 0, 90, 180, 30, 60; rows are alike.
  const std::vector<uint8_t> row = {0, 0, 0, 90, 90, 90, 180, 180, 180, 30, 30, 30, 60, 60, 60};
  std::vector<uint8_t> pixels;
  for (int y = 0; y < 2; ++y) pixels.insert(pixels.end(), row.begin(), row.end());
  const RgbView view = {pixels.data(), 3, 15, 5, 2};
  const Picture half = MakePicture(view, 1, /*grey=*/true);
  EXPECT_EQ(half.height, 1);
  // (0 + 90 + 180 / 2) / 2.5 and (180 / 2 + 30 + 60) / 2.5
  EXPECT_THAT(half.pixels, ElementsAre(72, 72));
  EXPECT_EQ(MakePicture(view, 0, /*grey=*/false).pixels, pixels);
  EXPECT_EQ(MakePicture(view, 100, /*grey=*/false).pixels, pixels);
}

TEST(PictureScaler, GreyIsLuma) {
  const std::vector<uint8_t> pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  const Picture grey = MakePicture({pixels.data(), 3, 12, 4, 1}, 0, /*grey=*/true);
  EXPECT_THAT(grey.pixels, ElementsAre(76, 150, 29, 255));
}

}  // namespace
}  // namespace vidmuse
