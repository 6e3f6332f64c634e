#include "core/video/ffmpeg_util.h"

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <new>
#include <utility>

extern "C" {
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
}

namespace vidmuse {
namespace {

constexpr size_t kMaxAllocation = 160u << 20;

thread_local bool too_many_streams = false;
thread_local int64_t logged_errors = 0;

// Keeps only the facts that no error code tells.
void TakeLog(void*, int level, const char* format, va_list) {
  if (level <= AV_LOG_ERROR) ++logged_errors;
  if (std::strstr(format, "max_streams") != nullptr) too_many_streams = true;
}

}  // namespace

void InitFfmpeg() {
  static const bool done = [] {
    av_log_set_callback(TakeLog);
    av_max_alloc(kMaxAllocation);
    return true;
  }();
  static_cast<void>(done);
}

bool TooManyStreams() { return std::exchange(too_many_streams, false); }

int64_t LoggedErrors() { return logged_errors; }

std::string FfmpegError(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof(text));
  return text;
}

void AvFrameDeleter::operator()(AVFrame* frame) const { av_frame_free(&frame); }
void AvPacketDeleter::operator()(AVPacket* packet) const { av_packet_free(&packet); }

AVFormatContext* NewInput(AVIOContext* io, const char* containers, const char* codecs,
                          int max_streams) {
  AVFormatContext* const format = avformat_alloc_context();
  if (format == nullptr) throw std::bad_alloc();
  format->pb = io;
  format->io_open = [](AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
    return AVERROR(EPERM);
  };
  format->max_streams = max_streams;
  av_opt_set(format, "format_whitelist", containers, 0);
  av_opt_set(format, "codec_whitelist", codecs, 0);
  return format;
}

AvFramePtr NewFrame() {
  AvFramePtr frame(av_frame_alloc());
  if (frame == nullptr) throw std::bad_alloc();
  return frame;
}

AvPacketPtr NewPacket() {
  AvPacketPtr packet(av_packet_alloc());
  if (packet == nullptr) throw std::bad_alloc();
  return packet;
}

}  // namespace vidmuse
