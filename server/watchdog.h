// Ends a process that hangs.
#ifndef VIDMUSE_SERVER_WATCHDOG_H_
#define VIDMUSE_SERVER_WATCHDOG_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/base/log_writer.h"

namespace vidmuse {

// Unless it is destroyed within `limit`, writes `message` to `log` as an error and ends the process
// with `exit_code`. It runs no destructors, because they would wait for the threads that hang.
class Watchdog {
 public:
  Watchdog(absl::Duration limit, int exit_code, std::string message,
           std::shared_ptr<LogWriter> log);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_WATCHDOG_H_
