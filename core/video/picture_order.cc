#include "core/video/picture_order.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status CheckPictureOrder(const PictureOrder& order) {
  if (order.at.size() > kMostPictures) {
    return absl::InvalidArgumentError(
        absl::StrCat("an order of ", order.at.size(), " pictures; the most are ", kMostPictures));
  }
  if (!std::is_sorted(order.at.begin(), order.at.end()) ||
      (!order.at.empty() && order.at.front() < 0) || order.short_side < 0) {
    return absl::InvalidArgumentError("an order of pictures that isn't ascending from 0 on");
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
