// A clock that stands still until a test moves it.
#ifndef VIDMUSE_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define VIDMUSE_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace vidmuse {

// Thread-safe.
class ManualClock final : public Clock {
 public:
  absl::Duration Monotonic() const override {
    MutexLock lock(&mutex_);
    return monotonic_;
  }

  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    monotonic_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Duration monotonic_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_MANUAL_CLOCK_H_
