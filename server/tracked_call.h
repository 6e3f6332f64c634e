// What the server's bookkeeping needs of a call.
#ifndef VIDMUSE_SERVER_TRACKED_CALL_H_
#define VIDMUSE_SERVER_TRACKED_CALL_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace vidmuse {

class TrackedCall {
 public:
  virtual ~TrackedCall() = default;

  // Ends the call unless it has ended. Thread-safe.
  virtual void End(absl::Status status) = 0;
  // Ends the call if its client is too slow. Returns when to call it next, which may not be later
  // than the client could become too slow. `now` and the result are the clock's monotonic time.
  // Thread-safe.
  virtual absl::Duration CheckProgress(absl::Duration now) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_TRACKED_CALL_H_
