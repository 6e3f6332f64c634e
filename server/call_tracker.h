// Knows the calls that live: how many upload, whether any is late or left, and how to end them all.
#ifndef VIDMUSE_SERVER_CALL_TRACKER_H_
#define VIDMUSE_SERVER_CALL_TRACKER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

class TrackedCall {
 public:
  virtual ~TrackedCall() = default;

  // Both are thread-safe.
  // Ends the call unless it has ended.
  virtual void End(absl::Status status) = 0;
  // Ends the call if its client is too slow. Called often.
  virtual void CheckProgress() = 0;
};

// Thread-safe. No call may be left when it is destroyed.
class CallTracker {
 public:
  explicit CallTracker(int max_uploads);
  ~CallTracker();

  void BeginCall(const std::shared_ptr<TrackedCall>& call);
  // From the destructor of the call.
  void EndCall(TrackedCall* call);

  // False: no slot is free.
  bool BeginUpload();
  void EndUpload();

  void EndAll(const absl::Status& status);

  // True once no call is left; false if `timeout` passed first.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  // To be let go of without the lock: a call's destructor takes it.
  std::vector<std::shared_ptr<TrackedCall>> Calls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // No call is there, and many have been since this was true last.
  bool MustTrim();
  void Watch();

  const int max_uploads_;
  Mutex mutex_;
  absl::flat_hash_map<TrackedCall*, std::weak_ptr<TrackedCall>> calls_ ABSL_GUARDED_BY(mutex_);
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
  int untrimmed_calls_ ABSL_GUARDED_BY(mutex_) = 0;  // begun since the heap was trimmed
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watch_thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACKER_H_
