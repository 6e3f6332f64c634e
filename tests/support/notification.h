// An event that tests wait for, with a deadline.
#ifndef VIDMUSE_TESTS_SUPPORT_NOTIFICATION_H_
#define VIDMUSE_TESTS_SUPPORT_NOTIFICATION_H_

#include "core/base/mutex.h"

namespace vidmuse {

// Thread-safe. Further calls of Notify change nothing.
class Notification {
 public:
  void Notify() {
    MutexLock lock(&mutex_);
    notified_ = true;
  }
  // False if `timeout` passed first.
  bool WaitFor(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(timeout,
                           [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return notified_; });
  }

 private:
  Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_NOTIFICATION_H_
