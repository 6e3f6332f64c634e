#include "server/watchdog.h"

#include <cstdlib>
#include <utility>

#include "server/request_log.h"

namespace vidmuse {

Watchdog::Watchdog(absl::Duration limit, int exit_code, std::string message,
                   std::shared_ptr<LogWriter> log)
    : thread_([this, limit, exit_code, message = std::move(message), log = std::move(log)] {
        MutexLock lock(&mutex_);
        const bool done = mutex_.AwaitFor(
            limit, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return done_; });
        if (done) return;
        RequestLog(log).Notice("server", message, Severity::kError);
        log->Flush(LogWriter::kFlushTimeout);
        std::_Exit(exit_code);
      }) {}

Watchdog::~Watchdog() {
  {
    MutexLock lock(&mutex_);
    done_ = true;
  }
  thread_.join();
}

}  // namespace vidmuse
