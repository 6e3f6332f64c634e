// Counts calls: how many upload, and whether any is left.
#ifndef VIDMUSE_SERVER_CALL_TRACKER_H_
#define VIDMUSE_SERVER_CALL_TRACKER_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Thread-safe.
class CallTracker {
 public:
  explicit CallTracker(int max_uploads) : max_uploads_(max_uploads) {}

  void BeginCall() {
    MutexLock lock(&mutex_);
    ++calls_;
  }
  void EndCall() {
    MutexLock lock(&mutex_);
    --calls_;
  }

  // False: no slot is free.
  bool BeginUpload() {
    MutexLock lock(&mutex_);
    if (uploads_ >= max_uploads_) return false;
    ++uploads_;
    return true;
  }
  void EndUpload() {
    MutexLock lock(&mutex_);
    --uploads_;
  }

  // True once no call is left; false if `timeout` passed first.
  bool WaitUntilIdle(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(timeout,
                           [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; });
  }

 private:
  const int max_uploads_;
  Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACKER_H_
