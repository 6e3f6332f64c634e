// The checks that every model makes on a step's requests before it runs them.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_CHECK_STEP_H_
#define VIDMUSE_MODEL_ARCHITECTURE_CHECK_STEP_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/music_model.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

// INVALID_ARGUMENT: the tokens aren't whole steps, a token isn't in [0, card], or there are more
// steps than the window has left.
inline absl::Status CheckStep(const StepRequest& request, const ModelInfo& model) {
  const size_t codebooks = model.codebooks;
  const size_t steps = request.tokens.size() / codebooks;
  const Window& window = *request.window;
  if (steps < 1 || request.tokens.size() % codebooks != 0 ||
      steps > static_cast<size_t>(window.capacity() - window.length())) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.tokens.size(), " tokens for a window with ",
                     window.capacity() - window.length(), " steps of ", codebooks, " left"));
  }
  for (const int32_t token : request.tokens) {
    if (token < 0 || token > model.card) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, " is not in [0, ", model.card, "]"));
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_CHECK_STEP_H_
