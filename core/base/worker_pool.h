// A fixed number of threads that run tasks from a bounded queue.
#ifndef VIDMUSE_BASE_WORKER_POOL_H_
#define VIDMUSE_BASE_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Thread-safe. The destructor runs what is queued, then joins.
class WorkerPool {
 public:
  // `name` shows in debuggers and `top -H` (15 characters). `nice` > 0 lets other threads of the
  // process go first when cores are short.
  WorkerPool(const std::string& name, int threads, size_t max_queued, int nice = 0);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if the queue is full: the task was not taken.
  bool Submit(std::function<void()> task);

  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  void Run(const std::string& name, int nice);

  const size_t max_queued_;
  Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_WORKER_POOL_H_
