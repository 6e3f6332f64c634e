// Knows the calls that live: how many upload, how many each client has, whether any is late or
// left, and how to end them all.
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

  // Both are thread-safe.
  // Ends the call unless it has ended.
  virtual void End(absl::Status status) = 0;
  // Ends the call if its client is too slow. Called often, with the time of the tracker's clock.
  virtual void CheckProgress(absl::Duration now) = 0;
};

struct CallLimits {
  int uploads;  // of all clients
  // Of the calls whose API keys have one name. Without keys there are no such limits.
  int uploads_per_key;
  int calls_per_key;  // that were let in and have not ended
};

// Thread-safe. No call may be left when it is destroyed.
class CallTracker {
 public:
  // `clock` outlives the tracker.
  CallTracker(const CallLimits& limits, const Clock* clock);
  ~CallTracker();

  void BeginCall(const std::shared_ptr<TrackedCall>& call);
  // From the destructor of the call.
  void EndCall(TrackedCall* call);

  // Lets a call in, whose key has the name `key` (empty: none is needed): from now to EndUpload it
  // holds a slot for its upload, and to Leave it is one of its key's calls. RESOURCE_EXHAUSTED,
  // with a delay: there are too many.
  absl::Status Enter(const std::string& key);
  void EndUpload(const std::string& key);
  void Leave(const std::string& key);

  void EndAll(const absl::Status& status);

  // True once no call is left; false if `timeout` passed first.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  struct Share {  // of one key
    int uploads = 0;
    int calls = 0;
  };

  // To be let go of without the lock: a call's destructor takes it.
  std::vector<std::shared_ptr<TrackedCall>> Calls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // No call is there, and many have been since this was true last.
  bool MustTrim();
  void Watch();

  const CallLimits limits_;
  const Clock* const clock_;
  Mutex mutex_;
  absl::flat_hash_map<TrackedCall*, std::weak_ptr<TrackedCall>> calls_ ABSL_GUARDED_BY(mutex_);
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, Share> shares_ ABSL_GUARDED_BY(mutex_);  // of keys with calls
  int untrimmed_calls_ ABSL_GUARDED_BY(mutex_) = 0;  // begun since the heap was trimmed
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watch_thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACKER_H_
