#include "core/video/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/model/video_frames.h"

namespace vidmuse {
namespace {

// Where an output coordinate lies between two input ones.
struct Tap {
  int first = 0;
  int second = 0;
  float first_weight = 1;
  float second_weight = 0;
};

std::array<Tap, kFrameSize> MakeTaps(int size) {
  std::array<Tap, kFrameSize> taps;
  const float scale = static_cast<float>(size) / kFrameSize;
  for (int i = 0; i < kFrameSize; ++i) {
    const float position = std::max(0.0f, std::fma(static_cast<float>(i) + 0.5f, scale, -0.5f));
    Tap& tap = taps[i];
    tap.first = std::min(static_cast<int>(position), size - 1);
    tap.second = std::min(tap.first + 1, size - 1);
    tap.second_weight = std::clamp(position - static_cast<float>(tap.first), 0.0f, 1.0f);
    tap.first_weight = 1.0f - tap.second_weight;
  }
  return taps;
}

float Mix(const Tap& tap, float first, float second) {
  return std::fma(tap.first_weight, first, tap.second_weight * second);
}

}  // namespace

std::vector<uint8_t> ResizeToModel(const RgbView& source) {
  constexpr size_t kPlane = static_cast<size_t>(kFrameSize) * kFrameSize;
  const auto columns = MakeTaps(source.width);
  const auto rows = MakeTaps(source.height);
  std::vector<uint8_t> planes(3 * kPlane);
  uint8_t* out = planes.data();
  for (const Tap& row : rows) {
    const uint8_t* upper = source.origin + row.first * source.y_step;
    const uint8_t* lower = source.origin + row.second * source.y_step;
    for (const Tap& column : columns) {
      const ptrdiff_t left = column.first * source.x_step;
      const ptrdiff_t right = column.second * source.x_step;
      for (int c = 0; c < 3; ++c) {
        const float value = Mix(row, Mix(column, upper[left + c], upper[right + c]),
                                Mix(column, lower[left + c], lower[right + c]));
        out[c * kPlane] = static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, 255.0f));
      }
      ++out;
    }
  }
  return planes;
}

}  // namespace vidmuse
