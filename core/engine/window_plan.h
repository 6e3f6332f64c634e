// Cuts a song that is longer than the model's reach into windows.
#ifndef VIDMUSE_ENGINE_WINDOW_PLAN_H_
#define VIDMUSE_ENGINE_WINDOW_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "vidmuse/alignment.h"

namespace vidmuse {

inline constexpr int kFrameRate = 50;          // token frames per second
inline constexpr int kWindowFrames = 1500;     // 30 s: the longest stretch the model was trained on
inline constexpr int kWindowOverlap = 25;      // 0.5 s of a window that the next begins with
inline constexpr int kWindowLocalFrames = 60;  // local video frames of a full window

// Frames are token frames of the song unless they are called local.
struct WindowSpec {
  int64_t first_frame = 0;  // the song's frame at position 0 of the window
  int frames = 0;           // [1, kWindowFrames], including the prompt
  int prompt_frames = 0;    // how many of them, at the start, the previous window makes
  // The window is conditioned on local video frames [first_local, first_local + local_count).
  int first_local = 0;
  int local_count = 0;

  int64_t end_frame() const { return first_frame + frames; }
  int end_local() const { return first_local + local_count; }
};

// The windows of a song of `seconds` >= 1 whole seconds, whose video gave 2 * seconds local frames.
// They are the published code's, in its order: MusicGen's `_generate_tokens` with VidMuse's
// handling of the local frames, by which the last window may get earlier ones. With
// Alignment::kTime, every window has the local frames of its own seconds. Each window begins with
// the last `overlap` token frames of the one before: the published `extend_stride` is 30 s less
// that. `overlap` is a multiple of 25, the token frames of a local frame, in [25, 1000].
std::vector<WindowSpec> PlanWindows(int seconds, int overlap = kWindowOverlap,
                                    Alignment alignment = Alignment::kReference);

// How long so many token frames sound.
inline absl::Duration FramesLength(int64_t frames) {
  return frames * absl::Seconds(1) / kFrameRate;
}

// The overlap of so many seconds, in token frames.
inline int OverlapFrames(double seconds) { return static_cast<int>(seconds * kFrameRate); }

// The index of the window that makes frame `frame` of the song, which is the first window that ends
// after it. `frame` must be inside the song.
int WindowOfFrame(const std::vector<WindowSpec>& windows, int64_t frame);

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WINDOW_PLAN_H_
