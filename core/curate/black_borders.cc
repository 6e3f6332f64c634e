#include "core/curate/black_borders.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vidmuse::curate {

bool IsBlack(const Picture& picture) {
  return std::all_of(picture.pixels.begin(), picture.pixels.end(),
                     [](uint8_t pixel) { return pixel <= BlackBorders::kMostBlack; });
}

void BlackBorders::Add(const Picture& picture) {
  const int width = picture.width, height = picture.height;
  int left = width, right = width, top = height, bottom = height;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (picture.pixels[static_cast<size_t>(y) * width + x] <= kMostBlack) continue;
      left = std::min(left, x);
      right = std::min(right, width - 1 - x);
      top = std::min(top, y);
      bottom = std::min(bottom, height - 1 - y);
    }
  }
  if (left == width) return;
  const Borders here = {static_cast<double>(left) / width, static_cast<double>(right) / width,
                        static_cast<double>(top) / height, static_cast<double>(bottom) / height};
  if (!borders_.has_value()) borders_ = here;
  borders_ = {std::min(borders_->left, here.left), std::min(borders_->right, here.right),
              std::min(borders_->top, here.top), std::min(borders_->bottom, here.bottom)};
}

}  // namespace vidmuse::curate
