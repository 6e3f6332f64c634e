// A video for tests of models.
#ifndef VIDMUSE_TESTS_SUPPORT_GREY_VIDEO_H_
#define VIDMUSE_TESTS_SUPPORT_GREY_VIDEO_H_

#include <cstdint>

#include "core/model/architecture/video_frames.h"

namespace vidmuse {

// `seconds` of plain grey frames. The first has the grey value `shade`, and each frame is darker
// than the one before.
inline VideoFrames GreyVideo(int seconds, int shade) {
  VideoFrames video;
  video.seconds = seconds;
  for (int i = 0; i < 2 * seconds; ++i) {
    video.frames.emplace_back(3 * kFrameSize * kFrameSize, static_cast<uint8_t>(shade - 9 * i));
    video.local.push_back(i);
  }
  for (int i = 0; i < kGlobalFrames; ++i) video.global.push_back(i % (2 * seconds));
  return video;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_GREY_VIDEO_H_
