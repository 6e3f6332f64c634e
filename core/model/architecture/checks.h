// The checks that every backend makes on what it is given. All errors are INVALID_ARGUMENT unless
// stated otherwise.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_CHECKS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_CHECKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace vidmuse {

// Checks a window over local frames [first_frame, first_frame + frame_count) of a video with
// `local_frames`, with room for `steps` sequence steps. A window holds at most `max_frames` frames
// and `max_steps` steps.
absl::Status CheckWindow(int first_frame, int frame_count, int local_frames, int max_frames,
                         int steps, int max_steps);

// Checks tokens that are fed to a window: whole steps of `codebooks` tokens in [0, card], at least
// one and at most `steps_left`.
absl::Status CheckStep(absl::Span<const int32_t> tokens, int codebooks, int card, int steps_left);

// Checks tokens that are pushed to a codec: whole frames of `codebooks` tokens in [0, bins).
// FAILED_PRECONDITION: the stream has `ended`.
absl::Status CheckPush(absl::Span<const int32_t> tokens, int codebooks, int bins, bool ended);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_CHECKS_H_
