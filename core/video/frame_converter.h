// Converts decoded frames of any pixel format to the model's input.
#ifndef VIDMUSE_VIDEO_FRAME_CONVERTER_H_
#define VIDMUSE_VIDEO_FRAME_CONVERTER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/video/resize.h"

struct AVFrame;
struct SwsContext;

namespace vidmuse {

// Not thread-safe.
class FrameConverter {
 public:
  // `width` and `height` are the video's, before rotation; frames of another size are first scaled
  // to them. If one is 0, the first frame's size is used. `rotation` is 0, 90, 180 or 270 degrees
  // clockwise.
  FrameConverter(int width, int height, int rotation);
  ~FrameConverter();
  FrameConverter(const FrameConverter&) = delete;
  FrameConverter& operator=(const FrameConverter&) = delete;

  // Returns RGB planes [3, 224, 224]. Colours are converted as by FFmpeg's scale filter with its
  // default flags before FFmpeg 5 (bilinear), which the published code's video reader uses.
  // INVALID_ARGUMENT means that the pixel format can't be converted.
  absl::StatusOr<std::vector<uint8_t>> Convert(const AVFrame& frame);

  // Returns the same before it is resized: upright, of the video's size. The view is valid until
  // the next call.
  absl::StatusOr<RgbView> ToRgb(const AVFrame& frame);

 private:
  // Size, pixel format, colour space and range of a scaler's input.
  using ScalerKey = std::array<int, 5>;

  absl::Status PrepareScaler(const AVFrame& frame);

  int width_;
  int height_;
  const int rotation_;
  ScalerKey scaler_key_ = {};
  SwsContext* scaler_ = nullptr;
  uint8_t* rgb_[4] = {};  // interleaved, of the video's size; allocated for the first frame
  int rgb_strides_[4] = {};
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_CONVERTER_H_
