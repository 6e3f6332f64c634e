#include "core/extractors/read_sound.h"

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/base/unique_fd.h"
#include "core/extractors/sandboxed_file.h"
#include "core/video/sandbox.h"

namespace vidmuse {

absl::StatusOr<Sound> ReadSound(const std::string& path, double most_seconds) {
  if (!(most_seconds > 0) || !std::isfinite(most_seconds)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a sound of at most ", most_seconds, " s can't be read"));
  }
  ASSIGN_OR_RETURN(const UniqueFd file, OpenRegularFile(path));
  ASSIGN_OR_RETURN(const VideoSandbox* sandbox, SharedSandbox());
  const CancelFlag never;
  absl::StatusOr<WholeSound> decoded = sandbox->DecodeWholeSound(file, most_seconds, never);
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat(path, ": ", decoded.status().message()));
  }
  return Sound{decoded->sample_rate, std::move(decoded->channels)};
}

}  // namespace vidmuse
