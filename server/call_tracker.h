// Knows the calls that live: how many upload, whether any is left, and how to end them all.
#ifndef VIDMUSE_SERVER_CALL_TRACKER_H_
#define VIDMUSE_SERVER_CALL_TRACKER_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

class TrackedCall {
 public:
  virtual ~TrackedCall() = default;

  // Ends the call unless it has ended. Thread-safe.
  virtual void End(absl::Status status) = 0;
};

// Thread-safe.
class CallTracker {
 public:
  explicit CallTracker(int max_uploads) : max_uploads_(max_uploads) {}

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
  const int max_uploads_;
  Mutex mutex_;
  absl::flat_hash_map<TrackedCall*, std::weak_ptr<TrackedCall>> calls_ ABSL_GUARDED_BY(mutex_);
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACKER_H_
