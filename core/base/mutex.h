// A mutex that both clang's thread-safety analysis and ThreadSanitizer understand: std::mutex with
// abseil's annotations and its Await. Distributions build abseil without ThreadSanitizer's
// annotations, so ThreadSanitizer would report every use of absl::Mutex as a race.
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
    // Notifies before unlocking, since a waiter may destroy the mutex as soon as it holds it.
    if (waiters_ > 0) changed_.notify_all();
    mutex_.unlock();
  }

  // Unlocks the mutex and waits until `condition()` holds. The condition is checked whenever a
  // thread unlocks.
  template <typename Condition>
  void Await(Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    AwaitFor(absl::InfiniteDuration(), condition);
  }
  // The same, but returns false once `timeout` has passed.
  template <typename Condition>
  bool AwaitFor(absl::Duration timeout, Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    // Waiting unlocks the mutex, so others must learn what this thread changed before.
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

// A condition for threads of one kind, of which waking one is enough: unlike with Mutex::Await, an
// unlock wakes nobody. It belongs to one mutex, which must be locked for every call.
class CondVar {
 public:
  // Unlocks the mutex and waits until `holds()`. It is checked after NotifyAll, and after each
  // NotifyOne that wakes this thread.
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
