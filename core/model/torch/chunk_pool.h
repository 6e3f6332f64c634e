// Threads that share out many callers' work in pieces.
#ifndef VIDMUSE_MODEL_TORCH_CHUNK_POOL_H_
#define VIDMUSE_MODEL_TORCH_CHUNK_POOL_H_

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

// Thread-safe. Outlives its calls to Run.
class ChunkPool {
 public:
  // The threads' niceness, on top of the process's: they give way to the device thread.
  static constexpr int kNiceness = 5;

  // `name` shows in debuggers and `top -H` (15 characters).
  ChunkPool(const std::string& name, int threads);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // Runs work(0) to work(count - 1) on the pool's threads and waits for them. Callers at the same
  // time take turns, chunk by chunk. The first error ends the call when the chunks under way are
  // done; CANCELLED after `cancel`. A std::bad_alloc is RESOURCE_EXHAUSTED; `work` throws nothing
  // else.
  absl::Status Run(int count, const CancelFlag& cancel,
                   const std::function<absl::Status(int)>& work);

 private:
  // One call of Run, guarded by mutex_ but for the constants.
  struct Job {
    const std::function<absl::Status(int)>* const work;
    const CancelFlag* const cancel;
    const int count;
    int next = 0;     // chunk
    int running = 0;  // chunks under way
    absl::Status status = absl::OkStatus();
  };

  static absl::Status RunChunk(const Job& job, int chunk);
  // The next chunk, and whose it is; null when the pool stops.
  Job* Take(int* chunk);
  void Finish(Job* job, absl::Status status);
  void Work();

  Mutex mutex_;
  std::deque<Job*> waiting_ ABSL_GUARDED_BY(mutex_);  // those with chunks left
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CHUNK_POOL_H_
