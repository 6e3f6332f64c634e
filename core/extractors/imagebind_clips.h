// Which parts of a sound or a video ImageBind looks at.
#ifndef VIDMUSE_EXTRACTORS_IMAGEBIND_CLIPS_H_
#define VIDMUSE_EXTRACTORS_IMAGEBIND_CLIPS_H_

#include <cstdint>
#include <vector>

namespace vidmuse {

inline constexpr int64_t kClipSeconds = 2;
inline constexpr int kSoundClips = 3;
inline constexpr int kPictureClips = 5;

// Samples or frames [begin, end). `end` may be beyond the last one.
struct Stretch {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const Stretch&) const = default;
};

// Returns the published choice of `clips` stretches of kClipSeconds, from the first to the last
// that fits, evenly spaced (ConstantClipsPerVideoSampler of pytorchvideo). All are the same if the
// sound or video is shorter than one. For sounds, `samples` at `rate` a second, each begins at the
// sample at or before its time.
std::vector<Stretch> SoundClips(int64_t samples, int rate, int clips);
// For videos, `frames` >= 1 at `rate` > 0 a second, each begins at the frame at or after its time,
// and ends with the last frame at the latest. One without a frame has the frame before.
std::vector<Stretch> PictureClips(int64_t frames, double rate, int clips);

// Return windows of kClipSeconds that follow each other from the start on. The last one is there if
// at least half of it is; a shorter sound or video has one window.
std::vector<Stretch> SoundWindows(int64_t samples, int rate);
std::vector<Stretch> PictureWindows(int64_t frames, double rate);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_IMAGEBIND_CLIPS_H_
