// One request as the scheduler sees it: what to generate, and whom to tell.
#ifndef VIDMUSE_ENGINE_GENERATION_H_
#define VIDMUSE_ENGINE_GENERATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/engine/window_plan.h"
#include "core/model/music_model.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// Once it was handed over, only the scheduler uses it, except for `cancel`, which any thread may
// set, and `queue_position`, which any thread may read. The device thread calls the On... methods,
// which must return at once without blocking. An exception from OnPlaced or OnFrames ends this
// generation alone.
class Generation {
 public:
  virtual ~Generation() = default;

  // The generation has a place in the batch from now on.
  virtual void OnPlaced() = 0;
  // `tokens`: [n][codebooks], complete frames of the song from `first_frame` on.
  virtual void OnFrames(int64_t first_frame, absl::Span<const int32_t> tokens) = 0;
  // The last call. `status` is OK if every frame was made, and says why not otherwise. If it
  // throws, it is called once more, with an error.
  virtual void OnGenerated(const absl::Status& status) = 0;

  std::string client_key;  // requests with the same key take turns with those of other keys
  std::shared_ptr<const VideoCondition> condition;  // released once the last window is open
  SamplingOptions sampling;
  std::vector<WindowSpec> windows;
  std::vector<int32_t> known;  // [n][codebooks]: the song's first n frames if it is resumed
  absl::Duration submitted;    // Clock::Monotonic() at submission
  absl::Duration deadline = absl::InfiniteDuration();  // on the same clock
  CancelFlag cancel;

  // Written by the scheduler alone.
  absl::Duration opening_seconds;  // spent opening windows
  absl::Duration step_seconds;     // spent in steps that it was part of
  // 1: the next to get a place. 0: the scheduler hasn't seen it yet.
  std::atomic<int> queue_position{0};
};

// Calls OnGenerated with `status`, and again with an error if that throws. Throws nothing itself.
void TellEnd(Generation& generation, const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_GENERATION_H_
