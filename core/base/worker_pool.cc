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

void TaskQueue::Push(absl::string_view client, std::function<void()> task) {
  const auto found =
      std::find_if(ring_.begin(), ring_.end(), [&](const Client& c) { return c.name == client; });
  std::list<Client> joining;
  if (found == ring_.end()) joining.emplace_back().name = std::string(client);
  std::list<Client>::iterator owner = joining.empty() ? found : joining.begin();
  owner->tasks.push_back(std::move(task));
  ring_.splice(ring_.end(), joining);
  ++size_;
}

std::function<void()> TaskQueue::Pop() {
  std::list<std::function<void()>>& tasks = ring_.front().tasks;
  std::function<void()> task = std::move(tasks.front());
  tasks.pop_front();
  --size_;
  if (tasks.empty()) {
    ring_.pop_front();
  } else {
    ring_.splice(ring_.end(), ring_, ring_.begin());
  }
  return task;
}

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
  (priority == TaskPriority::kUrgent ? urgent_ : normal_).Push(client, std::move(task));
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
  TaskQueue& queue = urgent_.empty() ? normal_ : urgent_;
  if (queue.empty()) return nullptr;
  std::function<void()> task = queue.Pop();
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
