// The device thread: runs the scheduler step by step and takes in what other threads hand over.
//
// A window comes about in turns: the scheduler asks for it on the device thread (WindowRequest), a
// thread of the window pool opens it (TryToOpen), and what came of it lies in `work_` until the
// device thread hands it back between two steps (Scheduler::WindowOpened).
#ifndef VIDMUSE_ENGINE_ENGINE_H_
#define VIDMUSE_ENGINE_ENGINE_H_

#include <list>
#include <memory>
#include <optional>
#include <thread>

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

  // The generation's OnGenerated is called exactly once after this, unless this throws.
  void Add(std::shared_ptr<Generation> generation);

  // Another stage failed in a way that may be the device's fault (see Scheduler::Suspect).
  void Suspect();

  // Makes the device thread look at cancel flags and deadlines now.
  void Wake();

  // As of the last step, with what was added since.
  SchedulerLoad load() const;

  // Where a generation that was added and has no place yet stands in the queue.
  QueuePlace PlaceOf(const Generation& generation) const;

  // Why the device can't be used, or OK: UNAVAILABLE while every step fails, even a probe.
  absl::Status CheckDevice() const;

  // UNAVAILABLE if the device thread has been inside one step for longer than `step_limit`, or a
  // window has been opened for longer than `window_limit`.
  absl::Status CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const;

 private:
  struct OpenedWindow {
    uint64_t id;
    absl::StatusOr<std::unique_ptr<Window>> window;
    absl::Duration took;
  };
  // What other threads handed over. Lists, so that it is taken without memory for it.
  struct Work {
    std::list<std::shared_ptr<Generation>> added;
    std::list<OpenedWindow> opened;
    bool suspect = false;
  };

  void OpenWindow(WindowRequest request);
  absl::StatusOr<std::unique_ptr<Window>> TryToOpen(const WindowRequest& request);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || woken_ || work_.suspect || !work_.added.empty() || !work_.opened.empty();
  }
  void Run();
  // Waits for work unless there is a next step to run at once. False: the engine stops.
  bool TakeWork(bool wait, Work* work) ABSL_LOCKS_EXCLUDED(mutex_);
  // False: nothing to step now.
  bool DoWork(Work& work);

  MusicModel* const model_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  Work work_ ABSL_GUARDED_BY(mutex_);
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
