#include "core/video/picture_order.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Before PictureOrder::at.
struct Packed {
  uint32_t by = 0;
  int32_t short_side = 0;
  uint32_t grey = 0;
  uint32_t count = 0;
};

}  // namespace

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

std::string PackPictureOrder(const PictureOrder& order) {
  const Packed packed = {static_cast<uint32_t>(order.by), order.short_side, order.grey ? 1u : 0u,
                         static_cast<uint32_t>(order.at.size())};
  std::string bytes(reinterpret_cast<const char*>(&packed), sizeof(packed));
  bytes.append(reinterpret_cast<const char*>(order.at.data()), order.at.size() * sizeof(int64_t));
  return bytes;
}

absl::StatusOr<PictureOrder> UnpackPictureOrder(absl::string_view bytes) {
  Packed packed;
  if (bytes.size() < sizeof(packed)) return absl::InvalidArgumentError("an order that is cut");
  std::memcpy(&packed, bytes.data(), sizeof(packed));
  bytes.remove_prefix(sizeof(packed));
  if (bytes.size() != packed.count * sizeof(int64_t) ||
      packed.by > static_cast<uint32_t>(PicturesBy::kTime)) {
    return absl::InvalidArgumentError("an order of another form");
  }
  PictureOrder order;
  order.by = static_cast<PicturesBy>(packed.by);
  order.short_side = packed.short_side;
  order.grey = packed.grey != 0;
  order.at.resize(packed.count);
  std::memcpy(order.at.data(), bytes.data(), bytes.size());
  RETURN_IF_ERROR(CheckPictureOrder(order));
  return order;
}

}  // namespace vidmuse
