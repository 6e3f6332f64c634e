// Owners of FFmpeg's objects, and its errors as statuses.
#ifndef VIDMUSE_CLIENT_MUX_MEDIA_HANDLES_H_
#define VIDMUSE_CLIENT_MUX_MEDIA_HANDLES_H_

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
}

#include <memory>
#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

struct MediaDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVFilterGraph* graph) const { avfilter_graph_free(&graph); }
};
using FramePtr = std::unique_ptr<AVFrame, MediaDeleter>;
using PacketPtr = std::unique_ptr<AVPacket, MediaDeleter>;
using CodecPtr = std::unique_ptr<AVCodecContext, MediaDeleter>;
using FilterGraphPtr = std::unique_ptr<AVFilterGraph, MediaDeleter>;

// Throws std::bad_alloc if `object`, which FFmpeg has just made, is null.
template <typename T>
T* NotNull(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

// OK if `code` is no error. Otherwise INTERNAL, or RESOURCE_EXHAUSTED for no memory or no room.
inline absl::Status MediaStatus(int code, absl::string_view doing) {
  if (code >= 0) return absl::OkStatus();
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof(text));
  const bool full = code == AVERROR(ENOMEM) || code == AVERROR(ENOSPC);
  return {full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal,
          absl::StrCat(doing, ": ", text)};
}

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_MUX_MEDIA_HANDLES_H_
