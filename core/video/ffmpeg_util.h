// Shared helpers for FFmpeg: owners of its objects, error texts and process-wide settings.
#ifndef VIDMUSE_VIDEO_FFMPEG_UTIL_H_
#define VIDMUSE_VIDEO_FFMPEG_UTIL_H_

#include <cstdint>
#include <memory>
#include <string>

struct AVFormatContext;
struct AVFrame;
struct AVIOContext;
struct AVPacket;

namespace vidmuse {

// Silences FFmpeg's log and limits each of its allocations to 160 MiB (a plane of 8192x4320 pixels
// at 4 bytes each), so that a few bytes of header can't request gigabytes. Only the first call has
// an effect.
void InitFfmpeg();

// True if, since the last call in this thread, FFmpeg left out a stream because the file has more
// than AVFormatContext::max_streams. FFmpeg reports that only in its log.
bool TooManyStreams();

// The number of errors that FFmpeg has logged in this thread. Decoders conceal most damage, and
// report it in no other way.
int64_t LoggedErrors();

// Returns FFmpeg's text for the code, such as "Invalid data found when processing input".
std::string FfmpegError(int code);

struct AvFrameDeleter {
  void operator()(AVFrame* frame) const;
};
struct AvPacketDeleter {
  void operator()(AVPacket* packet) const;
};
using AvFramePtr = std::unique_ptr<AVFrame, AvFrameDeleter>;
using AvPacketPtr = std::unique_ptr<AVPacket, AvPacketDeleter>;

// Makes a context that reads `io` alone: it opens no other file, and takes only these containers,
// codecs and that many streams. Throws std::bad_alloc. The caller closes it.
AVFormatContext* NewInput(AVIOContext* io, const char* containers, const char* codecs,
                          int max_streams);

// Never return null: they throw std::bad_alloc, as `new` does.
AvFramePtr NewFrame();
AvPacketPtr NewPacket();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FFMPEG_UTIL_H_
