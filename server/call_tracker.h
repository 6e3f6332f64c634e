// Tracks live calls: limits how many there are, ends those that are too slow, and can end them all.
#ifndef VIDMUSE_SERVER_CALL_TRACKER_H_
#define VIDMUSE_SERVER_CALL_TRACKER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace vidmuse {

class TrackedCall {
 public:
  virtual ~TrackedCall() = default;

  // Ends the call unless it has ended. Thread-safe.
  virtual void End(absl::Status status) = 0;
  // Ends the call if its client is too slow. Called about every 20 ms, with the monotonic time of
  // the tracker's clock. Thread-safe.
  virtual void CheckProgress(absl::Duration now) = 0;
};

struct CallLimits {
  int uploads;  // of all clients together
  // These two apply to the calls whose API keys have the same name, and only if keys are in use.
  int uploads_per_key;
  int calls_per_key;  // admitted calls that have not ended
};

// Thread-safe. All calls must have ended before the tracker is destroyed.
class CallTracker {
 public:
  // `clock` must outlive the tracker.
  CallTracker(const CallLimits& limits, const Clock* clock);
  ~CallTracker();

  void BeginCall(const std::shared_ptr<TrackedCall>& call);
  // Must be called by the call's destructor.
  void EndCall(TrackedCall* call);

  // Admits a call whose API key is named `key`; `key` is empty if no keys are in use. The call
  // holds an upload slot until EndUpload, and counts as one of its key's calls until Leave. Fails
  // with RESOURCE_EXHAUSTED and a retry delay if there are too many.
  absl::Status Enter(const std::string& key);
  void EndUpload(const std::string& key);
  void Leave(const std::string& key);

  void EndAll(const absl::Status& status);

  // Returns true once no call is left, or false if `timeout` passes first.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  // What the calls with one key name use.
  struct Share {
    int uploads = 0;
    int calls = 0;
  };

  // The result must be released without holding the lock, because a call's destructor takes it.
  std::vector<std::shared_ptr<TrackedCall>> Calls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns true if no call is live and many have begun since it last returned true.
  bool MustTrim();
  void Watch();

  const CallLimits limits_;
  const Clock* const clock_;
  Mutex mutex_;
  absl::flat_hash_map<TrackedCall*, std::weak_ptr<TrackedCall>> calls_ ABSL_GUARDED_BY(mutex_);
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, Share> shares_ ABSL_GUARDED_BY(mutex_);  // by key name
  // Calls that have begun since the heap was last trimmed.
  int untrimmed_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Must be the last member, because the thread uses all of the above.
  std::thread watch_thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACKER_H_
