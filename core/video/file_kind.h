// What a file is that is no video.
#ifndef VIDMUSE_VIDEO_FILE_KIND_H_
#define VIDMUSE_VIDEO_FILE_KIND_H_

#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

// "PNG", "JPEG", ...: what picture `bytes` begin as; empty: none.
absl::string_view PictureKind(absl::string_view bytes);

// What a file that can't be read as a video is, for the error that says so: "it is a still picture
// (PNG)", "it is an elementary stream (h264), which has no times", "it looks like nut". Empty:
// unknown, or one of `containers` (FFmpeg's names with commas).
std::string OtherKind(absl::string_view bytes, const char* containers);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FILE_KIND_H_
