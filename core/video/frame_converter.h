// Decoded frames of any pixel format to the model's.
#ifndef VIDMUSE_VIDEO_FRAME_CONVERTER_H_
#define VIDMUSE_VIDEO_FRAME_CONVERTER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

struct AVFrame;
struct SwsContext;

namespace vidmuse {

// Not thread-safe.
class FrameConverter {
 public:
  // `width` and `height` are the video's, before rotation: frames of another size are first scaled
  // to it (0: to the first frame's). `rotation` is 0, 90, 180 or 270 degrees clockwise.
  FrameConverter(int width, int height, int rotation);
  ~FrameConverter();
  FrameConverter(const FrameConverter&) = delete;
  FrameConverter& operator=(const FrameConverter&) = delete;

  // Returns RGB planes [3, 224, 224]. The colours are what FFmpeg's scale filter makes of them with
  // its default flags before FFmpeg 5 (bilinear), which the published code's video reader uses.
  // INVALID_ARGUMENT: a pixel format that can't be converted.
  absl::StatusOr<std::vector<uint8_t>> Convert(const AVFrame& frame);

 private:
  // What a scaler was made for: size, pixel format, colour space and range of its input.
  using ScalerKey = std::array<int, 5>;

  absl::Status PrepareScaler(const AVFrame& frame);

  int width_;
  int height_;
  const int rotation_;
  ScalerKey scaler_key_ = {};
  SwsContext* scaler_ = nullptr;
  uint8_t* rgb_[4] = {};  // interleaved, the video's size; allocated with the first frame
  int rgb_strides_[4] = {};
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_CONVERTER_H_
