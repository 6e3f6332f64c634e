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
#include "core/model/video_frames.h"

namespace vidmuse::train {

// Clips of one length. Used by one thread at a time.
class ClipSource {
 public:
  virtual ~ClipSource() = default;
  virtual int64_t size() const = 0;
  virtual int seconds() const = 0;
  // What the clips are, in words: another text, other clips.
  virtual std::string description() const = 0;

  // 32 kHz mono, seconds() long.
  virtual absl::StatusOr<std::vector<float>> Audio(int64_t clip) = 0;

  // Frames by their place among the 2 * seconds() local ones, or the 32 global ones, one after the
  // other at `out`: RGB planes [3][224][224].
  virtual absl::Status LocalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) = 0;
  virtual absl::Status GlobalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) = 0;
};

inline constexpr size_t kFrameBytes = size_t{3} * kFrameSize * kFrameSize;

// Clips of seeds `first_seed` on, made when they are asked for.
std::unique_ptr<ClipSource> SyntheticClips(uint64_t first_seed, int64_t count, int seconds);

// A synthetic clip's frames, as a video of it would be sampled.
VideoFrames SyntheticFrames(uint64_t seed, int seconds);

// Files that a manifest names, a JSON object a line: {"video": PATH, "audio": PATH, "start": S,
// "seconds": S}. Paths are relative to the manifest; "audio" may be left out if the video holds it.
// Every clip is cut to `seconds`; shorter ones are left out. The global frames run over the whole
// video, as the published model's do. Errors name the file and the line.
absl::StatusOr<std::unique_ptr<ClipSource>> ManifestClips(const std::string& path, int seconds);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CLIP_SOURCE_H_
