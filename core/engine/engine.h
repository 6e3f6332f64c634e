// The device thread: runs the scheduler step by step and takes in what other threads hand over.
#ifndef VIDMUSE_ENGINE_ENGINE_H_
#define VIDMUSE_ENGINE_ENGINE_H_

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/worker_pool.h"
#include "core/engine/scheduler.h"

namespace vidmuse {

// A generation's place in the queue for the batch.
struct QueuePlace {
  int position = 0;               // 1: the next to be placed
  std::optional<double> seconds;  // estimated until then; unset: not known
};

// Thread-safe. The destructor ends what is left with CANCELLED.
class Engine {
 public:
  // `window_threads`: windows opened at once.
  Engine(MusicModel* model, const SchedulerOptions& options, int window_threads, const Clock* clock,
         MetricsSink* metrics);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Add(std::shared_ptr<Generation> generation);

  // Makes the device thread look at cancel flags and deadlines now.
  void Wake();

  // As of the last step, with what was added since.
  SchedulerLoad load() const;

  // Where a generation that was added and has no place yet stands in the queue.
  QueuePlace PlaceOf(const Generation& generation) const;

  // UNAVAILABLE if the device thread has been inside one step for longer than `limit`.
  absl::Status CheckProgress(absl::Duration limit) const;

 private:
  struct OpenedWindow {
    uint64_t id;
    absl::StatusOr<std::unique_ptr<Window>> window;
    absl::Duration took;
  };

  void OpenWindow(WindowRequest request);
  absl::StatusOr<std::unique_ptr<Window>> TryToOpen(const WindowRequest& request);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || woken_ || !added_.empty() || !opened_.empty();
  }
  void Run();

  MusicModel* const model_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  std::vector<std::shared_ptr<Generation>> added_ ABSL_GUARDED_BY(mutex_);
  std::vector<OpenedWindow> opened_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  SchedulerLoad load_ ABSL_GUARDED_BY(mutex_);
  bool in_step_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration step_began_ ABSL_GUARDED_BY(mutex_);

  Scheduler scheduler_;  // the device thread's alone
  std::unique_ptr<WorkerPool> window_pool_;
  std::thread device_thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_ENGINE_H_
