// Puts a song under its video: the video stream is copied, and the song becomes the soundtrack.
#ifndef VIDMUSE_CLIENT_MUX_MUX_VIDEO_H_
#define VIDMUSE_CLIENT_MUX_MUX_VIDEO_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/video_source.h"
#include "core/base/origin_mark.h"

namespace vidmuse {

// What becomes of the video's own sound.
enum class OriginalAudio {
  kDrop,
  kMix,   // added to the music
  kDuck,  // added to the music, which gets quieter while the video's own sound is heard
};

struct MuxOptions {
  OriginalAudio original_audio = OriginalAudio::kDrop;
  double music_gain_db = 0;                     // in [-60, 24]
  std::function<bool()> cancelled = nullptr;    // asked now and then; true ends with CANCELLED
  std::optional<Origin> origin = std::nullopt;  // of the music, which the file then tells
};

// The song's samples.
struct Music {
  int sample_rate = 0;
  int channels = 1;
  // Reads the next frames (samples of every channel, interleaved, in [-1, 1]), at most `frames` of
  // them. Returns how many it has read; 0 at the end.
  std::function<absl::StatusOr<size_t>(float* samples, size_t frames)> read;
};

// FFmpeg's name of the container that the path's extension stands for (.mp4, .m4v, .mov, .mkv or
// .webm), or "" for any other extension.
std::string ContainerOfPath(absl::string_view path);

// Writes the file `path`, which must be a regular file or not exist. Beside the packets of the
// first video stream that isn't a cover picture it keeps the picture's rotation, colours and
// aspect, all tags, and the chapters. Music is encoded as AAC, or as Opus in WebM. Its first sample
// belongs to the first picture shown. If the video is longer, it goes on without music; a song that
// is longer goes on after the last picture. MP4 and MOV have their index in front. The mark of
// origin stands in the comment, after the video's own; besides, it is an XMP packet in MP4 and MOV,
// and tags of their own in MKV and WebM.
//
// INVALID_ARGUMENT: the video can't be read, an option is out of range, or the container can't hold
// the video's codec. CANCELLED. Otherwise the music's or the system's error; what was written until
// then remains.
absl::Status MuxVideo(const VideoSource& video, const Music& music, const std::string& container,
                      const MuxOptions& options, const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_MUX_MUX_VIDEO_H_
