// SIGTERM and SIGINT, taken by a thread of their own.
#ifndef VIDMUSE_SERVER_SHUTDOWN_SIGNAL_H_
#define VIDMUSE_SERVER_SHUTDOWN_SIGNAL_H_

#include <csignal>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// The first signal after Arm asks for an orderly end; one before it, or a second one, ends the
// process at once with 128 + its number. Thread-safe.
class ShutdownSignal {
 public:
  // Blocks both signals for this thread and for those it starts from now on: create it first in
  // main.
  ShutdownSignal();
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  void Arm();
  // Until the first signal after Arm, or `timeout` has passed: then false.
  bool WaitFor(absl::Duration timeout);

 private:
  enum class State { kStarting, kArmed, kSignalled, kStopping };

  void Run();

  sigset_t signals_;  // constant after construction
  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStarting;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_SHUTDOWN_SIGNAL_H_
