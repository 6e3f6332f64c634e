#include "core/model/conditioner/chunk_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/catch_exceptions.h"

namespace vidmuse {

ChunkPool::ChunkPool(const std::string& name, int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      // On Linux, nice() affects the calling thread alone. Its failure does no harm.
      [[maybe_unused]] const int niceness = nice(kNiceness);
      Work();
    });
  }
}

ChunkPool::~ChunkPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    has_chunks_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status ChunkPool::Run(int count, const CancelFlag& cancel,
                            const std::function<absl::Status(int)>& work) {
  if (count == 0) return absl::OkStatus();
  Job job{&work, &cancel, count};
  MutexLock lock(&mutex_);
  waiting_.push_back(&job);
  has_chunks_.NotifyAll();
  job_done_.Wait(&mutex_, [&job] { return job.done(); });
  return job.status;
}

absl::Status ChunkPool::RunChunk(const Job& job, int chunk) {
  if (job.cancel->cancelled()) return absl::CancelledError("cancelled");
  return CatchExceptions("a chunk failed", [&] { return (*job.work)(chunk); });
}

ChunkPool::Job* ChunkPool::Take(int* chunk) {
  MutexLock lock(&mutex_);
  has_chunks_.Wait(&mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiting_.empty();
  });
  if (waiting_.empty()) return nullptr;
  Job* job = waiting_.front();
  waiting_.pop_front();
  *chunk = job->next++;
  ++job->running;
  if (job->next < job->count) waiting_.push_back(job);
  return job;
}

void ChunkPool::Finish(Job* job, absl::Status status) {
  MutexLock lock(&mutex_);
  --job->running;
  if (!status.ok() && job->status.ok()) {
    job->status = std::move(status);
    job->next = job->count;
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), job), waiting_.end());
  }
  if (job->done()) job_done_.NotifyAll();
}

void ChunkPool::Work() {
  int chunk = 0;
  while (Job* job = Take(&chunk)) Finish(job, RunChunk(*job, chunk));
}

}  // namespace vidmuse
