// Time that tests can turn by hand.
#ifndef VIDMUSE_BASE_CLOCK_H_
#define VIDMUSE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace vidmuse {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Time that only goes forward, from a beginning of its own: a change of the wall clock does not
  // move it.
  virtual absl::Duration Monotonic() const = 0;

  static Clock* Real();
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CLOCK_H_
