#include "core/video/resize.h"

#include "core/model/architecture/video_frames.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

std::vector<uint8_t> Pattern(int width, int height) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) rgb.push_back((x * 37 + y * 59 + c * 83 + x * y * 11) % 256);
    }
  }
  return rgb;
}

RgbView View(const std::vector<uint8_t>& rgb, int width, int height) {
  return {rgb.data(), 3, 3 * width, width, height};
}

int At(const std::vector<uint8_t>& planes, int channel, int y, int x) {
  return planes[(static_cast<size_t>(channel) * kFrameSize + y) * kFrameSize + x];
}

int64_t Checksum(const std::vector<uint8_t>& planes) {
  int64_t sum = 0;
  for (size_t i = 0; i < planes.size(); ++i) sum += planes[i] * static_cast<int64_t>(i % 251);
  return sum;
}

TEST(ResizeToModel, KeepsAFrameOfTheRightSize) {
  const auto rgb = Pattern(kFrameSize, kFrameSize);
  const auto planes = ResizeToModel(View(rgb, kFrameSize, kFrameSize));
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < kFrameSize; ++y) {
      for (int x = 0; x < kFrameSize; ++x) {
        ASSERT_EQ(At(planes, c, y, x), rgb[(y * kFrameSize + x) * 3 + c]);
      }
    }
  }
}

TEST(ResizeToModel, SpreadsASinglePixel) {
  const std::vector<uint8_t> rgb = {10, 20, 30};
  const auto planes = ResizeToModel(View(rgb, 1, 1));
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(At(planes, c, 0, 0), rgb[c]);
    EXPECT_EQ(At(planes, c, 223, 223), rgb[c]);
  }
}

// The numbers are those of torch's kernel.
TEST(ResizeToModel, InterpolatesAsTorchDoes) {
  auto rgb = Pattern(7, 5);
  auto planes = ResizeToModel(View(rgb, 7, 5));
  EXPECT_EQ(At(planes, 0, 0, 0), 0);
  EXPECT_EQ(At(planes, 0, 16, 22), 8);
  EXPECT_EQ(At(planes, 1, 100, 111), 99);
  EXPECT_EQ(At(planes, 2, 223, 223), 120);
  EXPECT_EQ(At(planes, 0, 17, 200), 213);
  EXPECT_EQ(At(planes, 1, 60, 3), 133);
  EXPECT_EQ(At(planes, 2, 150, 90), 166);
  EXPECT_EQ(Checksum(planes), 2386386863);
  rgb = Pattern(640, 360);
  planes = ResizeToModel(View(rgb, 640, 360));
  EXPECT_EQ(At(planes, 0, 0, 0), 55);
  EXPECT_EQ(At(planes, 0, 16, 22), 176);
  EXPECT_EQ(At(planes, 1, 100, 111), 79);
  EXPECT_EQ(At(planes, 2, 223, 223), 95);
  EXPECT_EQ(At(planes, 0, 17, 200), 129);
  EXPECT_EQ(At(planes, 1, 60, 3), 156);
  EXPECT_EQ(At(planes, 2, 150, 90), 82);
  EXPECT_EQ(Checksum(planes), 2399210235);
}

TEST(ResizeToModel, ReadsAnyDirection) {
  constexpr int kWidth = 6;
  constexpr int kHeight = 4;
  const auto rgb = Pattern(kWidth, kHeight);
  std::vector<uint8_t> mirrored(rgb.size());
  std::vector<uint8_t> transposed(rgb.size());
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < 3; ++c) {
        const uint8_t value = rgb[(y * kWidth + x) * 3 + c];
        mirrored[(y * kWidth + kWidth - 1 - x) * 3 + c] = value;
        transposed[(x * kHeight + y) * 3 + c] = value;
      }
    }
  }
  EXPECT_EQ(ResizeToModel({rgb.data() + 3 * (kWidth - 1), -3, 3 * kWidth, kWidth, kHeight}),
            ResizeToModel(View(mirrored, kWidth, kHeight)));
  EXPECT_EQ(ResizeToModel({rgb.data(), 3 * kWidth, 3, kHeight, kWidth}),
            ResizeToModel(View(transposed, kHeight, kWidth)));
}

}  // namespace
}  // namespace vidmuse
