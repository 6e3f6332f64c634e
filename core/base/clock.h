// Time that tests can turn by hand.
#ifndef VIDMUSE_BASE_CLOCK_H_
#define VIDMUSE_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vidmuse {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Seconds that only go forward, for durations: a change of the wall clock does not move them.
  virtual absl::Duration Monotonic() const = 0;

  static Clock* Real();
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CLOCK_H_
