// Receives SIGTERM and SIGINT in a thread of its own.
#ifndef VIDMUSE_BASE_SHUTDOWN_SIGNAL_H_
#define VIDMUSE_BASE_SHUTDOWN_SIGNAL_H_

#include <csignal>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// The first signal after Arm asks for an orderly shutdown. A signal before Arm, or a second one
// after it, ends the process at once with the exit code 128 + its number. Thread-safe.
class ShutdownSignal {
 public:
  // Blocks both signals for this thread and for all threads that it starts later, so create this
  // object first in main.
  ShutdownSignal();
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  void Arm();
  // Waits for the first signal after Arm. Returns false if `timeout` passes first.
  bool WaitFor(absl::Duration timeout);

 private:
  enum class State { kStarting, kArmed, kSignalled, kStopping };

  void Run();

  sigset_t signals_;  // constant after construction
  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStarting;
  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_SHUTDOWN_SIGNAL_H_
