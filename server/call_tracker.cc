#include "server/call_tracker.h"

#include <malloc.h>
#include <pthread.h>

#include <utility>

namespace vidmuse {
namespace {

// gRPC's own timers would do, but for a wall clock that is set back by hours: then they stand still
// (Debian's gRPC 1.51 waits by the wall clock).
constexpr absl::Duration kWatchPeriod = absl::Milliseconds(20);
// Thousands of calls leave the heap in pieces, most of it free but not given back. Trimming it
// takes some 50 ms then, which is nobody's if no call is there.
constexpr int kCallsToTrim = 256;

}  // namespace

CallTracker::CallTracker(int max_uploads)
    : max_uploads_(max_uploads), watch_thread_([this] { Watch(); }) {}

CallTracker::~CallTracker() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  watch_thread_.join();
}

void CallTracker::Watch() {
  pthread_setname_np(pthread_self(), "vm-calls");
  for (;;) {
    if (MustTrim()) malloc_trim(0);
    std::vector<std::shared_ptr<TrackedCall>> calls;
    {
      MutexLock lock(&mutex_);
      mutex_.Await(
          [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !calls_.empty(); });
      mutex_.AwaitFor(kWatchPeriod,
                      [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; });
      if (stopping_) return;
      calls = Calls();
    }
    for (const std::shared_ptr<TrackedCall>& call : calls) call->CheckProgress();
  }
}

bool CallTracker::MustTrim() {
  MutexLock lock(&mutex_);
  if (!calls_.empty() || untrimmed_calls_ < kCallsToTrim) return false;
  untrimmed_calls_ = 0;
  return true;
}

std::vector<std::shared_ptr<TrackedCall>> CallTracker::Calls() {
  std::vector<std::shared_ptr<TrackedCall>> calls;
  for (const auto& [key, call] : calls_) {
    if (std::shared_ptr<TrackedCall> alive = call.lock()) calls.push_back(std::move(alive));
  }
  return calls;
}

void CallTracker::BeginCall(const std::shared_ptr<TrackedCall>& call) {
  MutexLock lock(&mutex_);
  calls_.emplace(call.get(), call);
  ++untrimmed_calls_;
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
  std::vector<std::shared_ptr<TrackedCall>> calls;
  {
    MutexLock lock(&mutex_);
    calls = Calls();
  }
  for (const std::shared_ptr<TrackedCall>& call : calls) call->End(status);
}

bool CallTracker::WaitUntilIdle(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_.empty(); });
}

}  // namespace vidmuse
