#include "core/model/architecture/checks.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status CheckWindow(int first_frame, int frame_count, int local_frames, int max_frames,
                         int steps, int max_steps) {
  if (first_frame < 0 || frame_count < 1 || frame_count > local_frames - first_frame ||
      frame_count > max_frames) {
    return absl::InvalidArgumentError(absl::StrCat("local frames [", first_frame, ", ", first_frame,
                                                   " + ", frame_count, ") of a video with ",
                                                   local_frames));
  }
  if (steps < 1 || steps > max_steps) {
    return absl::InvalidArgumentError(
        absl::StrCat("a window of ", steps, " sequence steps, expected 1 to ", max_steps));
  }
  return absl::OkStatus();
}

absl::Status CheckStep(absl::Span<const int32_t> tokens, int codebooks, int card, int steps_left) {
  const size_t steps = tokens.size() / codebooks;
  if (steps < 1 || tokens.size() % codebooks != 0 || steps > static_cast<size_t>(steps_left)) {
    return absl::InvalidArgumentError(absl::StrCat(tokens.size(), " tokens for a window with ",
                                                   steps_left, " steps of ", codebooks, " left"));
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token > card) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, " is not in [0, ", card, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPush(absl::Span<const int32_t> tokens, int codebooks, int bins, bool ended) {
  if (ended) return absl::FailedPreconditionError("the stream of audio has ended");
  if (tokens.size() % codebooks != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(tokens.size(), " tokens are not whole frames of ", codebooks));
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= bins) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, " is outside the codebook of ", bins));
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
