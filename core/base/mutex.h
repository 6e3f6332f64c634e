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
  friend class CondVar;

  std::mutex mutex_;
  std::condition_variable changed_;
  int waiters_ = 0;  // guarded by mutex_
};

// Something that threads of one kind wait for, and that one of them is enough for: unlike with
// Mutex::Await, an unlock wakes nobody. Used with one mutex, which is locked for every call.
class CondVar {
 public:
  // Waits, the mutex unlocked meanwhile, until `holds()`. It is looked at after each NotifyOne that
  // wakes this thread, and after NotifyAll.
  template <typename Holds>
  void Wait(Mutex* mutex, Holds holds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    // As in AwaitFor.
    if (mutex->waiters_ > 0) mutex->changed_.notify_all();
    notified_.wait(lock, holds);
    lock.release();
  }
  void NotifyOne() { notified_.notify_one(); }
  void NotifyAll() { notified_.notify_all(); }

 private:
  std::condition_variable notified_;
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
