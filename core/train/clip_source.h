// Pairs of video and music to train on.
#ifndef VIDMUSE_TRAIN_CLIP_SOURCE_H_
#define VIDMUSE_TRAIN_CLIP_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/architecture/video_frames.h"

namespace vidmuse::train {

// Clips that all have the same length. Not thread-safe: one thread at a time may use it.
class ClipSource {
 public:
  virtual ~ClipSource() = default;
  virtual int64_t size() const = 0;
  virtual int seconds() const = 0;
  // Describes the clips; two sources with the same text hold the same clips.
  virtual std::string description() const = 0;

  // The clip's music: 32 kHz mono, seconds() long.
  virtual absl::StatusOr<std::vector<float>> Audio(int64_t clip) = 0;

  // Write one frame per element of `places` to `out`, one after the other, as RGB planes
  // [3][224][224]. A place is an index of the 2 * seconds() local frames, or of the 32 global ones.
  virtual absl::Status LocalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) = 0;
  virtual absl::Status GlobalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) = 0;
};

inline constexpr size_t kFrameBytes = size_t{3} * kFrameSize * kFrameSize;

// `count` synthetic clips with seeds from `first_seed` on. Each is made when it is asked for.
std::unique_ptr<ClipSource> SyntheticClips(uint64_t first_seed, int64_t count, int seconds);

// The frames of a synthetic clip, sampled as the server samples a video.
VideoFrames SyntheticFrames(uint64_t seed, int seconds);

// Clips from the files that a manifest names. The manifest has one JSON object per line:
// {"video": PATH, "audio": PATH, "start": S, "seconds": S}, or with the published code's names
// {"video_path": PATH, "path": PATH, "duration": S}. Paths are relative to the manifest's folder;
// that of the sound may be left out if the video file has it. Every clip is cut to `seconds`, and
// shorter clips are skipped. Global frames are sampled from the whole video, as the published model
// does. Errors name the manifest and the line.
absl::StatusOr<std::unique_ptr<ClipSource>> ManifestClips(const std::string& path, int seconds);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CLIP_SOURCE_H_
