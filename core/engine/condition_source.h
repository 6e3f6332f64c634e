// Where a song's condition comes from, window by window.
#ifndef VIDMUSE_ENGINE_CONDITION_SOURCE_H_
#define VIDMUSE_ENGINE_CONDITION_SOURCE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/engine/window_plan.h"
#include "core/model/music_model.h"

namespace vidmuse {

// The condition of a window.
struct WindowCondition {
  std::shared_ptr<const VideoCondition> condition;
  int first_local = 0;  // the video's local frame that is the condition's first
};

// Encodes a video ahead of need and lets go of what no window needs any more. Windows are asked for
// in ascending order, each until it is open. Thread-safe.
class ConditionSource {
 public:
  virtual ~ConditionSource() = default;

  // Gets the condition, or why there is none.
  using Ready = std::function<void(absl::StatusOr<WindowCondition>)>;

  // Calls `ready` once, with a condition that holds at least the window's local frames: at once if
  // it is there, else later, on another thread. A request that has ended gives an error.
  virtual void Get(const WindowSpec& window, Ready ready) = 0;

  // The window is open: neither it nor an earlier one will be asked for again.
  virtual void Opened(const WindowSpec& window) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_CONDITION_SOURCE_H_
