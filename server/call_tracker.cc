#include "server/call_tracker.h"

#include <malloc.h>
#include <pthread.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// gRPC's timers are not used here, because Debian's gRPC 1.51 waits by the wall clock: its timers
// stop for hours if that clock is set back by hours.
constexpr absl::Duration kWatchPeriod = absl::Milliseconds(20);
// Thousands of calls fragment the heap, so that free memory is not returned to the system. Trimming
// takes about 50 ms, so it is done only when no call is live.
constexpr int kCallsToTrim = 256;

absl::Status TooMany(absl::string_view limit, int count) {
  const absl::Status status =
      absl::ResourceExhaustedError(absl::StrCat(limit, ": ", count, " are on their way"));
  return WithRetryAfter(AboutLimit(status, limit, count), absl::Seconds(1));
}

}  // namespace

CallTracker::CallTracker(const CallLimits& limits, const Clock* clock)
    : limits_(limits), clock_(clock), watch_thread_([this] { Watch(); }) {}

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
    const absl::Duration now = clock_->Monotonic();
    for (const std::shared_ptr<TrackedCall>& call : calls) call->CheckProgress(now);
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

absl::Status CallTracker::Enter(const std::string& key) {
  MutexLock lock(&mutex_);
  if (uploads_ >= limits_.uploads) return TooMany("max_concurrent_uploads", limits_.uploads);
  if (!key.empty()) {
    const auto found = shares_.find(key);
    const Share share = found == shares_.end() ? Share() : found->second;
    if (share.uploads >= limits_.uploads_per_key) {
      return TooMany("max_uploads_per_key", limits_.uploads_per_key);
    }
    if (share.calls >= limits_.calls_per_key) {
      return TooMany("max_requests_per_key", limits_.calls_per_key);
    }
    shares_[key] = {.uploads = share.uploads + 1, .calls = share.calls + 1};
  }
  ++uploads_;
  return absl::OkStatus();
}

void CallTracker::EndUpload(const std::string& key) {
  MutexLock lock(&mutex_);
  --uploads_;
  if (!key.empty()) --shares_[key].uploads;
}

void CallTracker::Leave(const std::string& key) {
  if (key.empty()) return;
  MutexLock lock(&mutex_);
  const auto share = shares_.find(key);
  if (--share->second.calls == 0) shares_.erase(share);
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
