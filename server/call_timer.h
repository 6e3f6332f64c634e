// The thread that checks live calls for clients that are too slow.
#ifndef VIDMUSE_SERVER_CALL_TIMER_H_
#define VIDMUSE_SERVER_CALL_TIMER_H_

#include <thread>

#include "core/base/clock.h"
#include "server/call_registry.h"
#include "server/heap_trimmer.h"

namespace vidmuse {

// Calls CallRegistry::CheckDue every kCheckPeriod while a call is live, and trims the heap when
// none is. gRPC's timers are not used for this, because Debian's gRPC 1.51 waits by the wall clock:
// its timers stop for hours if that clock is set back by hours.
class CallTimer {
 public:
  // Both must outlive the timer.
  CallTimer(CallRegistry* calls, const Clock* clock);
  // Closes the registry.
  ~CallTimer();
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;

 private:
  void Run();

  CallRegistry* const calls_;
  const Clock* const clock_;
  HeapTrimmer trimmer_;  // used by the thread alone
  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TIMER_H_
