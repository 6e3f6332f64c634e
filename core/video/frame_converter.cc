#include "core/video/frame_converter.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/ffmpeg_util.h"

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace vidmuse {
namespace {

constexpr int kRowAlignment = 64;

// Views an image of `width` x `height` pixels turned clockwise by `rotation` degrees.
RgbView Turned(const uint8_t* rgb, ptrdiff_t stride, int width, int height, int rotation) {
  constexpr ptrdiff_t kPixel = 3;
  const uint8_t* last_row = rgb + stride * (height - 1);
  const ptrdiff_t last_column = kPixel * (width - 1);
  switch (rotation) {
    case 90:
      return {last_row, -stride, kPixel, height, width};
    case 180:
      return {last_row + last_column, -kPixel, -stride, width, height};
    case 270:
      return {rgb + last_column, stride, -kPixel, height, width};
    default:
      return {rgb, kPixel, stride, width, height};
  }
}

absl::Status ConversionError(const AVFrame& frame, int error) {
  const char* format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
  return absl::InvalidArgumentError(
      absl::StrCat("a frame of ", frame.width, "x", frame.height, " pixels in the pixel format ",
                   format == nullptr ? "unknown" : format, " can't be converted to RGB (",
                   FfmpegError(error), ")"));
}

// As in the scale filter: the frame's own matrix, or BT.601 if it names none that swscale knows.
int ColorMatrix(int space) {
  const bool known = space >= 1 && space <= 10 && space != AVCOL_SPC_YCGCO;
  return known ? space : SWS_CS_DEFAULT;
}

// Reads an enum that FFmpeg copied from the file. In C++ an enum must not be read directly while it
// holds a value that it has no name for.
template <typename Enum>
int Number(const Enum& value) {
  static_assert(sizeof(Enum) == sizeof(int));
  int number = 0;
  std::memcpy(&number, &value, sizeof(number));
  return number;
}

void SetColors(SwsContext* scaler, const AVFrame& frame) {
  int* matrix = nullptr;
  int* rgb_matrix = nullptr;
  int full_range = 0;
  int rgb_full_range = 0;
  int brightness = 0;
  int contrast = 0;
  int saturation = 0;
  sws_getColorspaceDetails(scaler, &matrix, &full_range, &rgb_matrix, &rgb_full_range, &brightness,
                           &contrast, &saturation);
  const int range = Number(frame.color_range);
  if (range != AVCOL_RANGE_UNSPECIFIED) full_range = range == AVCOL_RANGE_JPEG;
  const int* coefficients = sws_getCoefficients(ColorMatrix(Number(frame.colorspace)));
  sws_setColorspaceDetails(scaler, coefficients, full_range, coefficients, rgb_full_range,
                           brightness, contrast, saturation);
}

}  // namespace

FrameConverter::FrameConverter(int width, int height, int rotation)
    : width_(width), height_(height), rotation_(rotation) {}

FrameConverter::~FrameConverter() {
  sws_freeContext(scaler_);
  av_freep(&rgb_[0]);
}

absl::StatusOr<std::vector<uint8_t>> FrameConverter::Convert(const AVFrame& frame) {
  ASSIGN_OR_RETURN(const RgbView view, ToRgb(frame));
  return ResizeToModel(view);
}

absl::StatusOr<RgbView> FrameConverter::ToRgb(const AVFrame& frame) {
  RETURN_IF_ERROR(PrepareScaler(frame));
  const int rows =
      sws_scale(scaler_, frame.data, frame.linesize, 0, frame.height, rgb_, rgb_strides_);
  if (rows <= 0) return ConversionError(frame, rows);
  return Turned(rgb_[0], rgb_strides_[0], width_, height_, rotation_);
}

absl::Status FrameConverter::PrepareScaler(const AVFrame& frame) {
  const ScalerKey key = {frame.width, frame.height, frame.format, Number(frame.colorspace),
                         Number(frame.color_range)};
  if (scaler_ != nullptr && key == scaler_key_) return absl::OkStatus();
  if (width_ == 0 || height_ == 0) {
    width_ = frame.width;
    height_ = frame.height;
  }
  if (rgb_[0] == nullptr) {
    const int error =
        av_image_alloc(rgb_, rgb_strides_, width_, height_, AV_PIX_FMT_RGB24, kRowAlignment);
    if (error < 0) return ConversionError(frame, error);
  }
  sws_freeContext(scaler_);
  scaler_ = sws_alloc_context();
  if (scaler_ == nullptr) return ConversionError(frame, AVERROR(ENOMEM));
  const auto set = [&](const char* option, int value) {
    av_opt_set_int(scaler_, option, value, 0);
  };
  set("srcw", frame.width);
  set("srch", frame.height);
  set("src_format", frame.format);
  set("dstw", width_);
  set("dsth", height_);
  set("dst_format", AV_PIX_FMT_RGB24);
  set("sws_flags", SWS_BILINEAR);
  if (frame.format == AV_PIX_FMT_YUV420P) set("src_v_chr_pos", 128);  // as in the scale filter
  const int error = sws_init_context(scaler_, nullptr, nullptr);
  if (error < 0) return ConversionError(frame, error);
  SetColors(scaler_, frame);
  scaler_key_ = key;
  return absl::OkStatus();
}

}  // namespace vidmuse
