// Which frames of a video VidMuse looks at. Nothing is decoded here.
//
// But for FramesOnScreen, the formulas come from `video_read_global` and `get_video_duration` of
// the published demo.
#ifndef VIDMUSE_VIDEO_SAMPLING_RULES_H_
#define VIDMUSE_VIDEO_SAMPLING_RULES_H_

#include <cstdint>
#include <vector>

namespace vidmuse {

// Returns the whole seconds of a duration. The published code reads the duration from FFmpeg's
// printout, which rounds it to hundredths: 899 frames at 30000/1001 per second (29.997 s) count as
// 30 s.
int64_t WholeSeconds(int64_t duration_us);

// Returns the measured frames per second. A value within 0.5 % of a whole number is rounded to it,
// since times in files are rounded and the sampling step jumps at whole numbers. `span_us` > 0.
double MeasuredFrameRate(int64_t frames, int64_t span_us);

// Returns the 2 * seconds frames of the local branch: every ceil(frame_rate / 2)-th one from frame
// 0 on, cut off or with the last one repeated. `frame_rate` > 0, `frames` >= 1, `seconds` >= 1.
// Ascending, each in [0, frames).
std::vector<int64_t> LocalFrameIndices(double frame_rate, int64_t frames, int seconds);

// Returns the 32 frames of the global branch, over the whole video: trunc(linspace(0, frames - 1,
// 32)) in float32, as torch computes it. `frames` >= 1. Ascending, each in [0, frames).
std::vector<int64_t> GlobalFrameIndices(int64_t frames);

// When each frame of a video is shown.
struct FrameTimes {
  std::vector<int64_t> at;  // ascending
  // A unit of `at` in seconds, as a fraction; both are positive.
  int64_t numerator = 1;
  int64_t denominator = 1;
};

// Returns the 2 * seconds frames that are on screen 0, 0.5, 1, ... seconds after the time of the
// first one: of each moment, the last frame whose time isn't after it. `times` are of at least one
// frame. Ascending.
std::vector<int64_t> FramesOnScreen(const FrameTimes& times, int seconds);

// Returns the same of `frames` >= 1 frames, `frame_rate` > 0 of them a second.
std::vector<int64_t> FramesOnScreen(double frame_rate, int64_t frames, int seconds);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SAMPLING_RULES_H_
