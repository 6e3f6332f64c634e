// The engine owns the device thread, which runs the scheduler step by step and takes in the work
// that other threads hand over.
//
// How a window is opened: on the device thread, Scheduler::RequestWindow calls the WindowOpener
// that it was given, which is Engine::OpenWindow. That queues a task on the window pool. A thread
// of the pool opens the window (TryToOpen) and puts the window or the error into `work_.opened`.
// Before its next step, the device thread takes `work_` over and passes the window on to
// Scheduler::WindowOpened. If the pool's queue is full, OpenWindow itself puts an error there.
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
  std::optional<double> seconds;  // estimated wait; unset if not known
};

// Thread-safe. The destructor ends all remaining generations with CANCELLED.
class Engine {
 public:
  // `window_threads`: how many windows may be opened at the same time.
  Engine(MusicModel* model, const SchedulerOptions& options, int window_threads, const Clock* clock,
         MetricsSink* metrics);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Afterwards the generation's OnGenerated is called exactly once, unless Add throws.
  void Add(std::shared_ptr<Generation> generation);

  // Another stage failed in a way that may be the device's fault (see Scheduler::Suspect).
  void Suspect();

  // Makes the device thread look at cancel flags and deadlines now.
  void Wake();

  // The load as of the last step, plus the generations added since.
  SchedulerLoad load() const;

  // The queue place of a generation that was added and is not in the batch yet.
  QueuePlace PlaceOf(const Generation& generation) const;

  // OK, or UNAVAILABLE with the reason while the device is lost (see Scheduler).
  absl::Status CheckDevice() const;

  // UNAVAILABLE if the device thread has been inside one step for longer than `step_limit`, or if
  // opening one window has been taking longer than `window_limit`.
  absl::Status CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const;

 private:
  struct OpenedWindow {
    uint64_t id;
    absl::StatusOr<std::unique_ptr<Window>> window;
    absl::Duration took;
  };
  // Work handed over by other threads. These are lists because taking them needs no memory.
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
  // Takes all pending work. With `wait`, first waits until there is some, Wake() is called or the
  // scheduler's next deadline has come. Returns false when the engine stops.
  bool TakeWork(bool wait, Work* work) ABSL_LOCKS_EXCLUDED(mutex_);
  // Hands the work to the scheduler and runs one step. Returns false if there was nothing to step.
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

  Scheduler scheduler_;  // used by the device thread alone
  std::unique_ptr<WorkerPool> window_pool_;
  std::thread device_thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_ENGINE_H_
