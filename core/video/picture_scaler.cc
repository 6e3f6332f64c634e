#include "core/video/picture_scaler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vidmuse {
namespace {

constexpr float kRed = 0.299f, kGreen = 0.587f, kBlue = 0.114f;

// The source pixels that one pixel of the result covers.
struct Cover {
  int first = 0;
  std::vector<float> weights;  // their sum is 1
};

std::vector<Cover> MakeCovers(int from, int to) {
  std::vector<Cover> spans(static_cast<size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * scale;
    const double end = std::min((i + 1) * scale, static_cast<double>(from));
    Cover& span = spans[static_cast<size_t>(i)];
    span.first = static_cast<int>(begin);
    for (int k = span.first; k < from && k < end; ++k) {
      const double covered = std::min<double>(k + 1, end) - std::max<double>(k, begin);
      span.weights.push_back(static_cast<float>(covered / (end - begin)));
    }
  }
  return spans;
}

// Reads row `y` as [width][channels].
void ReadRow(const RgbView& source, int y, int channels, std::vector<float>& row) {
  const uint8_t* pixel = source.origin + y * source.y_step;
  float* out = row.data();
  for (int x = 0; x < source.width; ++x, pixel += source.x_step) {
    if (channels == 1) {
      *out++ = kRed * pixel[0] + kGreen * pixel[1] + kBlue * pixel[2];
    } else {
      for (int c = 0; c < 3; ++c) *out++ = pixel[c];
    }
  }
}

// Adds `weight` times the row, scaled to `columns`, to `sums`.
void AddRow(const std::vector<float>& row, const std::vector<Cover>& columns, int channels,
            float weight, std::vector<float>& sums) {
  const auto step = static_cast<size_t>(channels);
  for (size_t x = 0; x < columns.size(); ++x) {
    for (size_t c = 0; c < step; ++c) {
      const float* value = row.data() + static_cast<size_t>(columns[x].first) * step + c;
      float sum = 0;
      for (const float share : columns[x].weights) {
        sum += share * *value;
        value += step;
      }
      sums[x * step + c] += weight * sum;
    }
  }
}

uint8_t Round(float value) {
  return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5f), 0.0f, 255.0f));
}

}  // namespace

Picture MakePicture(const RgbView& source, int short_side, bool grey) {
  Picture picture;
  picture.width = source.width;
  picture.height = source.height;
  picture.channels = grey ? 1 : 3;
  const int shorter = std::min(source.width, source.height);
  if (short_side > 0 && shorter > short_side) {
    const auto scaled = [&](int side) {
      return static_cast<int>(int64_t{side} * short_side / shorter);
    };
    picture.width = scaled(source.width);
    picture.height = scaled(source.height);
  }
  const std::vector<Cover> columns = MakeCovers(source.width, picture.width);
  const std::vector<Cover> rows = MakeCovers(source.height, picture.height);
  const auto channels = static_cast<size_t>(picture.channels);
  std::vector<float> row(static_cast<size_t>(source.width) * channels);
  std::vector<float> sums(static_cast<size_t>(picture.width) * channels);
  picture.pixels.reserve(sums.size() * rows.size());
  for (const Cover& span : rows) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    int y = span.first;
    for (const float weight : span.weights) {
      ReadRow(source, y++, picture.channels, row);
      AddRow(row, columns, picture.channels, weight, sums);
    }
    for (const float sum : sums) picture.pixels.push_back(Round(sum));
  }
  return picture;
}

}  // namespace vidmuse
