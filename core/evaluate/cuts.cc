#include "core/evaluate/cuts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace vidmuse::evaluate {
namespace {

// OpenCV's 8-bit conversion divides by tables of fixed-point numbers of 12 bits.
constexpr int kShift = 12;

std::array<int, 256> MakeTable(double numerator) {
  std::array<int, 256> table{};
  for (int i = 1; i < 256; ++i) {
    table[static_cast<size_t>(i)] = static_cast<int>(std::nearbyint(numerator / i));
  }
  return table;
}

int Scale(int value, const std::array<int, 256>& table, int divisor) {
  return (value * table[static_cast<size_t>(divisor)] + (1 << (kShift - 1))) >> kShift;
}

// `pixel` is red, green, blue and becomes hue / 2 in degrees, saturation and value.
void ToHsv(const uint8_t* pixel, uint8_t* hsv) {
  static const std::array<int, 256> saturations = MakeTable(255 << kShift);
  static const std::array<int, 256> hues = MakeTable((180 << kShift) / 6.0);
  const int red = pixel[0], green = pixel[1], blue = pixel[2];
  const int value = std::max({red, green, blue});
  const int range = value - std::min({red, green, blue});
  int hue = 0;
  if (value == red) {
    hue = green - blue;
  } else if (value == green) {
    hue = blue - red + 2 * range;
  } else {
    hue = red - green + 4 * range;
  }
  hue = Scale(hue, hues, range);
  hsv[0] = static_cast<uint8_t>(hue < 0 ? hue + 180 : hue);
  hsv[1] = static_cast<uint8_t>(Scale(range, saturations, value));
  hsv[2] = static_cast<uint8_t>(value);
}

}  // namespace

absl::Status CutDetector::Add(absl::Span<const uint8_t> rgb) {
  if (rgb.empty() || rgb.size() % 3 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a picture of ", rgb.size(), " bytes isn't one of whole RGB pixels"));
  }
  if (!scores_.empty() && rgb.size() != last_hsv_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a picture of ", rgb.size(), " bytes follows one of ", last_hsv_.size()));
  }
  std::vector<uint8_t> hsv(rgb.size());
  for (size_t i = 0; i < rgb.size(); i += 3) ToHsv(&rgb[i], &hsv[i]);
  int64_t differences = 0;
  if (!scores_.empty()) {
    for (size_t i = 0; i < hsv.size(); ++i) differences += std::abs(hsv[i] - last_hsv_[i]);
  }
  last_hsv_ = std::move(hsv);
  // A mean over the pixels of the three parts' mean.
  scores_.push_back(static_cast<double>(differences) / static_cast<double>(rgb.size()));
  Merge(scores_.back() >= options_.threshold);
  return absl::OkStatus();
}

// After the first cut, a cut that follows another too soon begins a run, of which only the last
// picture is a cut, when a scene of the least length has followed.
void CutDetector::Merge(bool above) {
  const int64_t frame = static_cast<int64_t>(scores_.size()) - 1;
  if (options_.least_frames <= 0) {
    if (above) cuts_.push_back(frame);
    return;
  }
  const bool long_enough = frame - last_above_ >= options_.least_frames;
  if (above) last_above_ = frame;
  if (merge_start_ >= 0) {
    if (long_enough && !above && last_above_ - merge_start_ >= options_.least_frames) {
      merge_start_ = -1;
      cuts_.push_back(last_above_);
    }
  } else if (above && long_enough) {
    cuts_.push_back(frame);
  } else if (above && !cuts_.empty()) {
    merge_start_ = frame;
  }
}

}  // namespace vidmuse::evaluate
