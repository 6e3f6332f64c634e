#include "server/call_tracker.h"

#include <vector>

namespace vidmuse {

void CallTracker::BeginCall(const std::shared_ptr<TrackedCall>& call) {
  MutexLock lock(&mutex_);
  calls_.emplace(call.get(), call);
}

void CallTracker::EndCall(TrackedCall* call) {
  MutexLock lock(&mutex_);
  calls_.erase(call);
}

bool CallTracker::BeginUpload() {
  MutexLock lock(&mutex_);
  if (uploads_ >= max_uploads_) return false;
  ++uploads_;
  return true;
}

void CallTracker::EndUpload() {
  MutexLock lock(&mutex_);
  --uploads_;
}

void CallTracker::EndAll(const absl::Status& status) {
  // Ended and let go of without the lock: a call's destructor takes it.
  std::vector<std::shared_ptr<TrackedCall>> calls;
  {
    MutexLock lock(&mutex_);
    for (const auto& [key, call] : calls_) {
      if (std::shared_ptr<TrackedCall> alive = call.lock()) calls.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<TrackedCall>& call : calls) call->End(status);
}

bool CallTracker::WaitUntilIdle(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_.empty(); });
}

}  // namespace vidmuse
