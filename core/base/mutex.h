// A mutex that clang's thread-safety analysis and ThreadSanitizer both understand: std::mutex with
// abseil's annotations and its way of waiting. (Distributions build abseil's own without
// ThreadSanitizer's annotations, so that every lock of it looks like a race.)
#ifndef VIDMUSE_BASE_MUTEX_H_
#define VIDMUSE_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace vidmuse {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Before unlocking: a waiter may destroy the mutex as soon as it has it.
    if (waiters_ > 0) changed_.notify_all();
    mutex_.unlock();
  }

  // Waits, the mutex unlocked meanwhile, until `condition()` holds. It is looked at whenever
  // somebody unlocks.
  template <typename Condition>
  void Await(Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    AwaitFor(absl::InfiniteDuration(), condition);
  }
  // Or until `timeout` has passed: then false.
  template <typename Condition>
  bool AwaitFor(absl::Duration timeout, Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    // Waiting unlocks: others may wait for what this thread changed before.
    if (waiters_ > 0) changed_.notify_all();
    ++waiters_;
    // Longer waits could overflow the clock.
    const bool forever = timeout > absl::Hours(24 * 365);
    bool held = true;
    if (forever) {
      changed_.wait(lock, condition);
    } else {
      held = changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout), condition);
    }
    --waiters_;
    lock.release();
    return held;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiters_ = 0;  // guarded by mutex_
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_MUTEX_H_
