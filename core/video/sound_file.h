// A sound file in memory, decoded by FFmpeg.
#ifndef VIDMUSE_VIDEO_SOUND_FILE_H_
#define VIDMUSE_VIDEO_SOUND_FILE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/memory_input.h"
#include "core/video/sound_decoder.h"

struct AVCodecContext;
struct AVFormatContext;
struct AVStream;

namespace vidmuse {

// Takes some samples of every channel, [C][n], in [-1, 1] unless a file of floating-point numbers
// is louder than full scale. An error ends the decoding.
using TakeSamples =
    std::function<absl::Status(int sample_rate, const std::vector<std::vector<double>>& channels)>;

// Not thread-safe.
class SoundFile {
 public:
  // `bytes` and `watch` must outlive the file.
  SoundFile(absl::string_view bytes, const SoundLimits& limits, const DecodeWatch& watch);
  ~SoundFile();
  SoundFile(const SoundFile&) = delete;
  SoundFile& operator=(const SoundFile&) = delete;

  // Picks the best audio stream, as av_find_best_stream does.
  absl::Status Open();
  // Decodes all of it. Stretches that can't be decoded are left out, unless they are more than half
  // of the packets. The sample rate never changes and is that of the limits, as are the length and
  // the number of channels, which may change.
  absl::Status Decode(const TakeSamples& take);

 private:
  absl::Status OpenDecoder(const AVStream& stream);
  // Null at the end of the file.
  absl::Status DecodePacket(const AVPacket* packet, const TakeSamples& take);
  absl::Status TakeFrame(const TakeSamples& take);

  const SoundLimits limits_;
  const DecodeWatch& watch_;
  MemoryInput input_;
  const AvFramePtr frame_;
  AVFormatContext* format_ = nullptr;
  AVCodecContext* decoder_ = nullptr;
  int stream_ = -1;
  int sample_rate_ = 0;  // 0: nothing is decoded yet
  int64_t samples_ = 0;  // of each channel, decoded so far
  int64_t packets_ = 0;
  int64_t damaged_ = 0;                        // packets
  std::vector<std::vector<double>> channels_;  // of the frame
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SOUND_FILE_H_
