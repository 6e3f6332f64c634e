// A clock that tests can replace by one that they set by hand.
#ifndef VIDMUSE_BASE_CLOCK_H_
#define VIDMUSE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace vidmuse {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Time since an arbitrary start. It only goes forward, whatever happens to the wall clock.
  virtual absl::Duration Monotonic() const = 0;

  static Clock* Real();
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CLOCK_H_
