// Reads pictures of a video file.
#ifndef VIDMUSE_EXTRACTORS_READ_PICTURES_H_
#define VIDMUSE_EXTRACTORS_READ_PICTURES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/video/picture_order.h"

namespace vidmuse {

// Decodes pictures of the video at `path` in the sandbox, for networks and for comparing them, as
// VideoSandbox::ReadPictures (sandbox.h) does. `take` gets them one at a time and should be quick.
// Videos have up to 4 GiB and ten minutes.
//
// INVALID_ARGUMENT names the file: it is no video, is shorter than 1 s, is over a limit, or can't
// be decoded. NOT_FOUND: there is no such file. Thread-safe.
absl::StatusOr<PictureInfo> ReadPictures(const std::string& path, const PictureOrder& order,
                                         TakePicture take);

// ReadPictures, or what stands for it in tests. Thread-safe.
using PictureSource = std::function<absl::StatusOr<PictureInfo>(
    const std::string& path, const PictureOrder& order, TakePicture take)>;

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_READ_PICTURES_H_
