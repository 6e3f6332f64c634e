// A thread pool that runs several callers' work in chunks.
#ifndef VIDMUSE_MODEL_CONDITIONER_CHUNK_POOL_H_
#define VIDMUSE_MODEL_CONDITIONER_CHUNK_POOL_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/base/cancel.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Thread-safe. It must outlive all calls of Run.
class ChunkPool {
 public:
  // Added to the process's niceness, so that the pool's threads yield to the device thread.
  static constexpr int kNiceness = 5;

  // `name` shows in debuggers and `top -H` (15 characters).
  ChunkPool(const std::string& name, int threads);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // Runs work(0) to work(count - 1) on the pool's threads and waits for them. Concurrent callers
  // take turns, chunk by chunk. After an error, no more chunks begin, and the call returns the
  // first error once the running chunks are done. CANCELLED: `cancel` was set. If `work` throws,
  // see CatchExceptions.
  absl::Status Run(int count, const CancelFlag& cancel,
                   const std::function<absl::Status(int)>& work);

 private:
  // One call of Run. All but the constants is guarded by mutex_.
  struct Job {
    const std::function<absl::Status(int)>* const work;
    const CancelFlag* const cancel;
    const int count;
    int next = 0;     // the next chunk to run
    int running = 0;  // number of running chunks
    absl::Status status = absl::OkStatus();

    bool done() const { return next == count && running == 0; }
  };

  static absl::Status RunChunk(const Job& job, int chunk);
  // Waits for a chunk and returns its job, or null if the pool stops.
  Job* Take(int* chunk);
  void Finish(Job* job, absl::Status status);
  void Work();

  Mutex mutex_;
  CondVar has_chunks_;                                // for the threads
  CondVar job_done_;                                  // for callers of Run
  std::deque<Job*> waiting_ ABSL_GUARDED_BY(mutex_);  // jobs with chunks left
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_CHUNK_POOL_H_
