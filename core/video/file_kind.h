// Tells what kind of file something is that isn't a video.
#ifndef VIDMUSE_VIDEO_FILE_KIND_H_
#define VIDMUSE_VIDEO_FILE_KIND_H_

#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns the kind of picture whose signature `bytes` begin with ("PNG", "JPEG", ...), else empty.
absl::string_view PictureKind(absl::string_view bytes);

// Describes a file that can't be read as a video, for the error message: "it is a still picture
// (PNG)", "it is an elementary stream (h264), which has no times", "it looks like nut". Empty if
// the kind is unknown or one of `containers` (FFmpeg's names, separated by commas).
std::string OtherKind(absl::string_view bytes, const char* containers);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FILE_KIND_H_
