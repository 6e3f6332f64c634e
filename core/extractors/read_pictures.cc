#include "core/extractors/read_pictures.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/extractors/sandboxed_file.h"
#include "vidmuse/limits.h"

namespace vidmuse {

absl::StatusOr<PictureInfo> ReadPictures(const std::string& path, const PictureOrder& order,
                                         TakePicture take) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenRegularFile(path));
  ASSIGN_OR_RETURN(const VideoSandbox* sandbox, SharedSandbox());
  Limits limits;
  limits.max_video_bytes = uint64_t{4} << 30;
  const CancelFlag never;
  absl::Status taken;
  const auto take_one = [&](Picture picture) {
    taken = take(std::move(picture));
    return taken;
  };
  absl::StatusOr<PictureInfo> info = sandbox->ReadPictures(file, order, limits, never, take_one);
  RETURN_IF_ERROR(taken);
  if (info.ok()) return info;
  return absl::Status(info.status().code(), absl::StrCat(path, ": ", info.status().message()));
}

}  // namespace vidmuse
