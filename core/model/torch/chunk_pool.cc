#include "core/model/torch/chunk_pool.h"

#include <pthread.h>

#include <algorithm>
#include <new>
#include <utility>

namespace vidmuse {

ChunkPool::ChunkPool(const std::string& name, int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      Work();
    });
  }
}

ChunkPool::~ChunkPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status ChunkPool::Run(int count, const CancelFlag& cancel,
                            const std::function<absl::Status(int)>& work) {
  if (count == 0) return absl::OkStatus();
  Job job{&work, &cancel, count};
  absl::MutexLock lock(&mutex_);
  waiting_.push_back(&job);
  mutex_.Await(absl::Condition(
      +[](Job* job) { return job->next == job->count && job->running == 0; }, &job));
  return job.status;
}

absl::Status ChunkPool::RunChunk(const Job& job, int chunk) {
  if (job.cancel->cancelled()) return absl::CancelledError("video encoding was cancelled");
  try {
    return (*job.work)(chunk);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("video encoder: out of memory");
  }
}

void ChunkPool::Work() {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(
        +[](ChunkPool* pool) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool->mutex_) {
          return pool->stopping_ || !pool->waiting_.empty();
        },
        this));
    if (waiting_.empty()) return;
    Job* job = waiting_.front();
    waiting_.pop_front();
    const int chunk = job->next++;
    ++job->running;
    if (job->next < job->count) waiting_.push_back(job);

    mutex_.Unlock();
    absl::Status status = RunChunk(*job, chunk);
    mutex_.Lock();

    --job->running;
    if (!status.ok() && job->status.ok()) {
      job->status = std::move(status);
      job->next = job->count;
      waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), job), waiting_.end());
    }
  }
}

}  // namespace vidmuse
