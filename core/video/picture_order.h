// Which pictures of a video are wanted, and what comes of it.
#ifndef VIDMUSE_VIDEO_PICTURE_ORDER_H_
#define VIDMUSE_VIDEO_PICTURE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// What is known of a video once its packets were read.
struct PictureInfo {
  int width = 0;  // as shown upright; 0 if only decoding tells
  int height = 0;
  int64_t frames = 0;     // at least 1
  double frame_rate = 0;  // average frames a second, over 0: the header's, if that is plausible
  double seconds = 0;     // at least 1
};
static_assert(std::is_trivially_copyable_v<PictureInfo>);

enum class PicturesBy : uint32_t {
  kNumber,  // frames are counted from 0 in the order in which they are shown
  kTime,    // microseconds after the first frame: of each moment, the frame on screen
};

struct PictureOrder {
  PicturesBy by = PicturesBy::kNumber;
  std::vector<int64_t> at;  // ascending, 0 or more; up to kMostPictures. Empty: only PictureInfo
  // Pixels of the shorter side, to which larger pictures are scaled by averaging over areas. 0: no
  // picture is scaled.
  int short_side = 0;
  bool grey = false;
};

inline constexpr size_t kMostPictures = 100'000;

struct Picture {
  size_t place = 0;  // in PictureOrder::at
  int width = 0;     // upright
  int height = 0;
  int channels = 0;             // 3: RGB; 1: grey, 0.299 R + 0.587 G + 0.114 B
  std::vector<uint8_t> pixels;  // [height][width][channels]
};

// Takes the pictures in their order, one at a time. An error ends the reading, and is its result.
using TakePicture = absl::FunctionRef<absl::Status(Picture picture)>;

// INVALID_ARGUMENT: numbers or times are below 0, not ascending or too many, or the size is below
// 0.
absl::Status CheckPictureOrder(const PictureOrder& order);

// Turns an order into bytes for another process of this machine, and back. INVALID_ARGUMENT: the
// bytes are no valid order.
std::string PackPictureOrder(const PictureOrder& order);
absl::StatusOr<PictureOrder> UnpackPictureOrder(absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PICTURE_ORDER_H_
