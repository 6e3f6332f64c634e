// A fixed number of threads that run tasks from a bounded queue.
#ifndef VIDMUSE_BASE_WORKER_POOL_H_
#define VIDMUSE_BASE_WORKER_POOL_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/turn_queue.h"

namespace vidmuse {

enum class TaskPriority {
  kNormal,
  kUrgent,  // runs before all waiting normal tasks
};

// Thread-safe. The destructor runs the queued tasks, then joins the threads.
class WorkerPool {
 public:
  // `name` shows in debuggers and `top -H` (15 characters). With `nice` > 0 the threads yield to
  // others of the process when cores are short.
  WorkerPool(const std::string& name, int threads, size_t max_queued, const Clock* clock,
             int nice = 0);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns false, without taking the task, if the queue is full or the pool is being destroyed. A
  // task must report its own failures: an exception that leaves it ends only that task.
  // Normal tasks of different clients take turns.
  bool Submit(std::function<void()> task, TaskPriority priority = TaskPriority::kNormal,
              absl::string_view client = "");

  // Returns UNAVAILABLE if a task has been running for longer than `limit`. Queued tasks don't
  // count: they wait for running ones.
  absl::Status CheckProgress(absl::Duration limit) const;

  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  void Run(int thread, int nice);
  // Waits for the next task; returns null when the pool stops and none is left.
  std::function<void()> Take(int thread);

  const std::string name_;
  const size_t max_queued_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  CondVar has_work_;
  TurnQueue<std::function<void()>> urgent_ ABSL_GUARDED_BY(mutex_);
  TurnQueue<std::function<void()>> normal_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // When each thread's task began, on the clock; infinity while it has none.
  std::vector<absl::Duration> began_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_WORKER_POOL_H_
