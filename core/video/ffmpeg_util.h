// What every use of FFmpeg here shares: owners of its objects, error texts, process-wide settings.
#ifndef VIDMUSE_VIDEO_FFMPEG_UTIL_H_
#define VIDMUSE_VIDEO_FFMPEG_UTIL_H_

#include <memory>
#include <string>

struct AVFrame;
struct AVPacket;

namespace vidmuse {

// Once a process: FFmpeg's log goes nowhere, and no single allocation of it exceeds 160 MiB (a
// plane of 8192x4320 pixels at 4 bytes each), so that a few bytes of header can't ask for
// gigabytes.
void InitFfmpeg();

// True if FFmpeg left out a stream in this thread since the last call, because the file has more
// than AVFormatContext::max_streams. It tells only its log.
bool TooManyStreams();

// "Invalid data found when processing input"
std::string FfmpegError(int code);

struct AvFrameDeleter {
  void operator()(AVFrame* frame) const;
};
struct AvPacketDeleter {
  void operator()(AVPacket* packet) const;
};
using AvFramePtr = std::unique_ptr<AVFrame, AvFrameDeleter>;
using AvPacketPtr = std::unique_ptr<AVPacket, AvPacketDeleter>;

// Never null: running out of memory for these few bytes ends the process, as `new` would.
AvFramePtr NewFrame();
AvPacketPtr NewPacket();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FFMPEG_UTIL_H_
