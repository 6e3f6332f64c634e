#include "core/video/video_decoder.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/codec_allow_list.h"
#include "core/video/ffmpeg_util.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace vidmuse {
namespace {

// Stored frames may be larger than shown ones by the codec's padding, which is less than one block
// of AV1.
constexpr int kMaxPadding = 127;
// Errors in a row after which Receive gives up, so that draining the decoder ends.
constexpr int kMaxReceiveErrors = 64;

// Calls `visit` with the middle of each block of 16x16 pixels, the smallest that a cut picture can
// lack, in the first plane of a frame as the decoder sees it.
template <typename Visit>
void ForEachBlock(const AVFrame& frame, int width, int height, const Visit& visit) {
  constexpr int kBlock = 16;
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if (format == nullptr) return;
  const int pixel_bytes = format->comp[0].step;
  for (int y = kBlock / 2; y < height; y += kBlock) {
    uint8_t* row = frame.buf[0]->data + static_cast<ptrdiff_t>(y) * frame.linesize[0];
    for (int x = kBlock / 2; x + kBlock / 4 <= width; x += kBlock) visit(row + x * pixel_bytes);
  }
}

// Hardly any picture has these pixels; with more than 8 bits, none has.
constexpr uint8_t kMark[] = {0xff, 0x00, 0xff, 0xff};

// True for codecs whose unreferenced pictures can be skipped without harm to any other.
bool CodecCanSkip(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG2VIDEO || codec == AV_CODEC_ID_MPEG4;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoDecoder>> VideoDecoder::Create(const VideoFile& file,
                                                                   const Limits& limits) {
  const AVCodecParameters& parameters = *file.stream().codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the video's codec is not supported: ",
                                                   avcodec_get_name(parameters.codec_id)));
  }
  std::unique_ptr<VideoDecoder> decoder(new VideoDecoder(limits));
  AVCodecContext* context = decoder->context_ = avcodec_alloc_context3(codec);
  if (context == nullptr) throw std::bad_alloc();
  int error = avcodec_parameters_to_context(context, &parameters);
  if (error >= 0) {
    context->pkt_timebase = file.stream().time_base;
    context->thread_count = 1;
    context->opaque = decoder.get();
    context->get_buffer2 = &VideoDecoder::GetBuffer;
    // Decoders with buffers of their own don't call GetBuffer.
    if ((codec->capabilities & AV_CODEC_CAP_DR1) == 0) {
      context->max_pixels = limits.max_frame_pixels;
    }
    av_opt_set(context, "codec_whitelist", kAllowedCodecs, 0);
    error = avcodec_open2(context, codec, nullptr);
  }
  if (error < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video's codec is not supported or its header is damaged: ",
                     avcodec_get_name(parameters.codec_id), " (", FfmpegError(error), ")"));
  }
  decoder->can_skip_ = CodecCanSkip(parameters.codec_id);
  return decoder;
}

VideoDecoder::~VideoDecoder() { avcodec_free_context(&context_); }

absl::Status VideoDecoder::Send(const AVPacket* packet, bool skip) {
  context_->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
  if (avcodec_send_packet(context_, packet) < 0) ++errors_;
  return too_large_;
}

absl::StatusOr<bool> VideoDecoder::Receive(AVFrame* frame) {
  for (int i = 0; i < kMaxReceiveErrors; ++i) {
    const int result = avcodec_receive_frame(context_, frame);
    RETURN_IF_ERROR(too_large_);
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return false;
    if (result >= 0) {
      // For decoders that don't call GetBuffer, only this checks width and height.
      RETURN_IF_ERROR(CheckFrameSize(frame->width, frame->height, limits_));
      return true;
    }
    ++errors_;
  }
  return false;
}

void VideoDecoder::Restart() { avcodec_flush_buffers(context_); }

int VideoDecoder::GetBuffer(AVCodecContext* context, AVFrame* frame, int flags) {
  auto* self = static_cast<VideoDecoder*>(context->opaque);
  const absl::Status status =
      CheckFrameSize(std::max(context->width, frame->width - kMaxPadding),
                     std::max(context->height, frame->height - kMaxPadding), self->limits_);
  if (!status.ok()) {
    self->too_large_ = status;
    return AVERROR(EINVAL);
  }
  const int error = avcodec_default_get_buffer2(context, frame, flags);
  if (error >= 0 && self->marks_) {
    self->marked_width_ = context->width;
    self->marked_height_ = context->height;
    ForEachBlock(*frame, context->width, context->height,
                 [](uint8_t* block) { std::memcpy(block, kMark, sizeof(kMark)); });
  }
  return error;
}

void VideoDecoder::FindCuts() { marks_ = context_->codec_id == AV_CODEC_ID_HEVC; }

bool VideoDecoder::MayLackParts(const AVFrame& frame) const {
  return frame.interlaced_frame != 0 || frame.decode_error_flags != 0 ||
         (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0 || IsCut(frame);
}

bool VideoDecoder::IsCut(const AVFrame& frame) const {
  bool cut = false;
  if (!marks_) return cut;
  ForEachBlock(frame, marked_width_, marked_height_, [&](const uint8_t* block) {
    cut = cut || std::memcmp(block, kMark, sizeof(kMark)) == 0;
  });
  return cut;
}

}  // namespace vidmuse
