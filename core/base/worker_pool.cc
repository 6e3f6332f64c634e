#include "core/base/worker_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/catch_exceptions.h"

namespace vidmuse {

WorkerPool::WorkerPool(const std::string& name, int threads, size_t max_queued, const Clock* clock,
                       int nice)
    : name_(name),
      max_queued_(max_queued),
      clock_(clock),
      began_(threads, absl::InfiniteDuration()) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i, nice] { Run(i, nice); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    has_work_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> task, TaskPriority priority,
                        absl::string_view client) {
  MutexLock lock(&mutex_);
  if (stopping_ || urgent_.size() + normal_.size() >= max_queued_) return false;
  (priority == TaskPriority::kUrgent ? urgent_ : normal_)
      .Push(client, [&task](std::function<void()>& queued) { queued = std::move(task); });
  has_work_.NotifyOne();
  return true;
}

absl::Status WorkerPool::CheckProgress(absl::Duration limit) const {
  MutexLock lock(&mutex_);
  const absl::Duration oldest = *std::min_element(began_.begin(), began_.end());
  if (clock_->Monotonic() - oldest <= limit) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("a task of the threads ", name_,
                                             " has been running for longer than ",
                                             absl::FormatDuration(limit)));
}

std::function<void()> WorkerPool::Take(int thread) {
  MutexLock lock(&mutex_);
  began_[thread] = absl::InfiniteDuration();
  has_work_.Wait(&mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !urgent_.empty() || !normal_.empty();
  });
  auto& queue = urgent_.empty() ? normal_ : urgent_;
  if (queue.empty()) return nullptr;
  std::function<void()> task = queue.PopFront();
  began_[thread] = clock_->Monotonic();
  return task;
}

void WorkerPool::Run(int thread, int nice) {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  if (nice > 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
  while (const std::function<void()> task = Take(thread)) {
    CatchExceptions("a task failed", task).IgnoreError();
  }
}

}  // namespace vidmuse
