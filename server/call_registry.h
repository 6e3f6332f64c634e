// The live calls, and when each of them has to be checked.
#ifndef VIDMUSE_SERVER_CALL_REGISTRY_H_
#define VIDMUSE_SERVER_CALL_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "server/tracked_call.h"

namespace vidmuse {

// Thread-safe. All calls must have ended before the registry is destroyed.
class CallRegistry {
 public:
  // CheckDue checks a call no more often than this.
  static constexpr absl::Duration kCheckPeriod = absl::Milliseconds(20);

  CallRegistry() = default;
  CallRegistry(const CallRegistry&) = delete;
  CallRegistry& operator=(const CallRegistry&) = delete;

  // Adds a call, which the next CheckDue checks for the first time.
  void BeginCall(const std::shared_ptr<TrackedCall>& call);
  // Must be called by the call's destructor, also if the call was never added.
  void EndCall(TrackedCall* call);

  // Ends all live calls with `status`.
  void EndAll(const absl::Status& status);

  // Checks the calls that are due at `now`, one after the other. Costs nothing for the others, and
  // allocates nothing. A call that throws is checked again after kCheckPeriod.
  void CheckDue(absl::Duration now);

  // Waits until a call is live. Returns false as soon as Close is called.
  bool WaitForCall();
  // Waits until no call is live. Returns false if `timeout` passes first.
  bool WaitUntilIdle(absl::Duration timeout);
  // Waits until Close is called. Returns false if `timeout` passes first.
  bool WaitUntilClosed(absl::Duration timeout);
  void Close();

  struct Counts {
    int64_t live = 0;
    int64_t begun = 0;  // since the start
  };
  Counts counts() const;

 private:
  using Due = std::pair<absl::Duration, TrackedCall*>;

  struct Entry {
    std::weak_ptr<TrackedCall> call;
    absl::Duration due;  // as in `due_`
  };

  // Takes the first call that is due and makes it due again after kCheckPeriod. Null: none is due.
  // Sets `gone` instead if that call is being destroyed. The result must be released without the
  // lock, because a call's destructor takes it.
  std::shared_ptr<TrackedCall> TakeDue(absl::Duration now, bool* gone);
  void SetDue(TrackedCall* call, absl::Duration due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  absl::flat_hash_map<TrackedCall*, Entry> calls_ ABSL_GUARDED_BY(mutex_);
  std::set<Due> due_ ABSL_GUARDED_BY(mutex_);  // one element for each call
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_REGISTRY_H_
