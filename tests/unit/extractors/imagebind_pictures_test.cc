// ImageBind's features of videos: windows, refusals, and what it asks of the sandbox.
#include "core/extractors/imagebind_pictures.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/extractors/extractor.h"
#include "core/extractors/read_pictures.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/imagebind_file.h"
#include "tests/support/test_data.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

class ImageBindPicturesTest : public ::testing::Test {
 protected:
  ImageBindPicturesTest() {
    folder_ = ::testing::TempDir() + "/imagebind_pictures_test";
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/imagebind_huge.pth";
    EXPECT_TRUE(WriteImageBind({}, file_).ok());
  }

  std::unique_ptr<PictureExtractor> Open(PictureNetwork network) {
    return OpenPictureExtractor(network, folder_).value();
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::string folder_, file_;
};

// A video of grey frames that differ, which stands for a file.
PictureSource Greys(PictureInfo info, std::vector<int64_t>* asked) {
  return [info, asked](const std::string&, const PictureOrder& order,
                       TakePicture take) -> absl::StatusOr<PictureInfo> {
    EXPECT_TRUE(std::is_sorted(order.at.begin(), order.at.end()));
    for (size_t place = 0; place < order.at.size(); ++place) {
      if (asked != nullptr) asked->push_back(order.at[place]);
      Picture picture{place, info.width, info.height, 3, {}};
      picture.pixels.assign(static_cast<size_t>(3 * info.width * info.height),
                            static_cast<uint8_t>(order.at[place] % 251));
      const absl::Status taken = take(std::move(picture));
      if (!taken.ok()) return taken;
    }
    return info;
  };
}

TEST_F(ImageBindPicturesTest, InfoNamesTheFile) {
  const auto network = Open(PictureNetwork::kImageBindPictures);
  EXPECT_EQ(network->info().name, "imagebind_pictures");
  EXPECT_EQ(network->info().file, "imagebind_huge.pth");
  EXPECT_EQ(network->info().sha256.size(), 64u);
  EXPECT_EQ(Open(PictureNetwork::kImageBindPicturesDense)->info().name, "imagebind_pictures_dense");
}

TEST_F(ImageBindPicturesTest, FirstAndLastFrameOfEachClip) {
  std::vector<int64_t> asked;
  const auto network = OpenImageBindPictures(file_, ImageBindParts::kPublished,
                                             Greys({48, 32, 187, 24, 7.8}, &asked));
  ASSERT_TRUE(network.ok()) << network.status();
  ASSERT_TRUE((*network)->Extract("").ok());
  EXPECT_THAT(asked, ::testing::ElementsAre(0, 35, 47, 70, 82, 105, 117, 139, 152, 186));
}

// The three crops of a square are one, which is computed once.
TEST_F(ImageBindPicturesTest, SquarePicturesGiveWhatTheirCropsGive) {
  const auto row = [&](int width) {
    const auto network = OpenImageBindPictures(file_, ImageBindParts::kPublished,
                                               Greys({width, 32, 50, 25, 2}, nullptr));
    return (*network)->Extract("").value().embeddings.values;
  };
  EXPECT_THAT(row(32), Pointwise(FloatNear(1e-6f), row(64)));  // all pixels are alike
}

// More windows than are held at once.
TEST_F(ImageBindPicturesTest, WindowsDontDependOnTheirNumber) {
  ASSERT_TRUE(WriteImageBind({.picture_width = 16, .picture_blocks = 1}, file_).ok());
  const auto dense = [&](int64_t frames) {
    const auto network =
        OpenImageBindPictures(file_, ImageBindParts::kDense,
                              Greys({32, 32, frames, 1, static_cast<double>(frames)}, nullptr));
    return (*network)->Extract("").value().embeddings;
  };
  const FeatureMatrix many = dense(140);
  const FeatureMatrix few = dense(20);
  EXPECT_EQ(many.rows, 70);
  ASSERT_EQ(few.rows, 10);
  EXPECT_THAT(std::vector<float>(many.values.begin(), many.values.begin() + 10 * 24),
              Pointwise(FloatNear(1e-6f), few.values));
  EXPECT_NE(many.values[0], many.values[24]);
}

TEST_F(ImageBindPicturesTest, ReadsFilesInTheSandbox) {
  const std::string path = TestData("golden/videos/pattern_4s.mp4");
  const auto dense = Open(PictureNetwork::kImageBindPicturesDense)->Extract(path);
  ASSERT_TRUE(dense.ok()) << dense.status();
  EXPECT_EQ(dense->embeddings.rows, 2);
  const auto published = Open(PictureNetwork::kImageBindPictures)->Extract(path);
  ASSERT_TRUE(published.ok()) << published.status();
  EXPECT_EQ(published->embeddings.rows, 1);
}

TEST_F(ImageBindPicturesTest, RefusalsNameTheFile) {
  const auto network = Open(PictureNetwork::kImageBindPictures);
  const auto refusal = [&](const std::string& path, absl::StatusCode code) {
    const absl::Status status = network->Extract(path).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    return std::string(status.message());
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(refusal(Write("noise", std::string(1000, 'x')), kInvalid), HasSubstr("not a video"));
  refusal(Write("empty", ""), kInvalid);
  EXPECT_THAT(refusal(Write("short.mp4", Ffmpeg(NumberedInput(4), "short.mp4")), kInvalid),
              HasSubstr("at least 1 s"));
  EXPECT_THAT(refusal(Write("sound.wav", Ffmpeg("-f lavfi -i sine=d=2", "a.wav")), kInvalid),
              HasSubstr("not a video"));
  EXPECT_THAT(refusal(folder_, kInvalid), HasSubstr("regular file"));
  refusal(folder_ + "/missing", absl::StatusCode::kNotFound);
}

TEST_F(ImageBindPicturesTest, NarrowPicturesAreRefused) {
  for (const int width : {66, 64}) {
    const auto network = OpenImageBindPictures(file_, ImageBindParts::kPublished,
                                               Greys({width, 2, 50, 25, 2}, nullptr));
    const absl::Status status = (*network)->Extract("a path").status();
    EXPECT_EQ(status.ok(), width == 64) << status;
    const std::string size = status.ok() ? "" : "66x2";
    EXPECT_THAT(std::string(status.message()), HasSubstr(size));
  }
}

TEST_F(ImageBindPicturesTest, TakesItsTowerAlone) {
  ASSERT_TRUE(WriteImageBind({.picture_blocks = 0}, file_).ok());
  EXPECT_TRUE(OpenSoundExtractor(SoundNetwork::kImageBindSound, folder_).ok());
  const auto network = OpenPictureExtractor(PictureNetwork::kImageBindPictures, folder_);
  EXPECT_EQ(network.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(network.status().message()),
              HasSubstr("modality_trunks.vision.blocks.0"));
}

}  // namespace
}  // namespace vidmuse
