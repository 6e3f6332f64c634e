#include "server/call_registry.h"

#include <algorithm>
#include <vector>

#include "core/base/catch_exceptions.h"

namespace vidmuse {

void CallRegistry::BeginCall(const std::shared_ptr<TrackedCall>& call) {
  MutexLock lock(&mutex_);
  const Due first = {absl::ZeroDuration(), call.get()};
  due_.insert(first);
  try {
    calls_.emplace(call.get(), Entry{call, first.first});
  } catch (...) {
    due_.erase(first);
    throw;
  }
  ++begun_;
}

void CallRegistry::EndCall(TrackedCall* call) {
  MutexLock lock(&mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  due_.erase({found->second.due, call});
  calls_.erase(found);
}

void CallRegistry::EndAll(const absl::Status& status) {
  // Released without the lock, because a call's destructor takes it.
  std::vector<std::shared_ptr<TrackedCall>> calls;
  {
    MutexLock lock(&mutex_);
    calls.reserve(calls_.size());
    for (const auto& [key, entry] : calls_) {
      if (std::shared_ptr<TrackedCall> alive = entry.call.lock()) calls.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<TrackedCall>& call : calls) call->End(status);
}

void CallRegistry::SetDue(TrackedCall* call, absl::Duration due) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  // Moves the node, which allocates nothing.
  auto node = due_.extract({found->second.due, call});
  node.value().first = found->second.due = due;
  due_.insert(std::move(node));
}

std::shared_ptr<TrackedCall> CallRegistry::TakeDue(absl::Duration now, bool* gone) {
  MutexLock lock(&mutex_);
  *gone = false;
  if (due_.empty() || due_.begin()->first > now) return nullptr;
  TrackedCall* const key = due_.begin()->second;
  std::shared_ptr<TrackedCall> call = calls_.find(key)->second.call.lock();
  *gone = call == nullptr;
  SetDue(key, now + kCheckPeriod);
  return call;
}

void CallRegistry::CheckDue(absl::Duration now) {
  for (;;) {
    bool gone = false;
    const std::shared_ptr<TrackedCall> call = TakeDue(now, &gone);
    if (gone) continue;
    if (call == nullptr) return;
    absl::Duration next = now;  // as it stays if the call throws
    CatchExceptions("", [&] { next = call->CheckProgress(now); }).IgnoreError();
    MutexLock lock(&mutex_);
    SetDue(call.get(), std::max(next, now + kCheckPeriod));
  }
}

bool CallRegistry::WaitForCall() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]()
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !calls_.empty(); });
  return !closed_;
}

bool CallRegistry::WaitUntilIdle(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_.empty(); });
}

bool CallRegistry::WaitUntilClosed(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_; });
}

void CallRegistry::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
}

CallRegistry::Counts CallRegistry::counts() const {
  MutexLock lock(&mutex_);
  return {.live = static_cast<int64_t>(calls_.size()), .begun = begun_};
}

}  // namespace vidmuse
