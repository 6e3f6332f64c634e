// The engine owns the device thread, which runs the scheduler step by step and takes in the work
// that other threads hand over.
//
// The way of a window: on the device thread, Scheduler::RequestWindow calls the WindowOpener that
// it was given, which is Engine::OpenWindow. That asks for the window's condition. Once it is
// there, a task is queued on the window pool (QueueOpening). A thread of the pool opens the window
// (TryToOpen) and puts the window or the error into `work_.opened`. Before its next step, the
// device thread takes `work_` over and passes the window on to Scheduler::WindowOpened. If there is
// no condition or the pool's queue is full, QueueOpening itself puts an error there.
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

// A song's place in the queue for the batch.
struct QueuePlace {
  int position = 0;               // 1: the next to be placed
  std::optional<double> seconds;  // estimated wait; unset if not known
};

// Thread-safe. The destructor ends all remaining songs with CANCELLED.
class Engine {
 public:
  // `window_threads`: how many windows may be opened at the same time.
  Engine(MusicModel* model, const SchedulerOptions& options, int window_threads, const Clock* clock,
         MetricsSink* metrics);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes the song over and names it. OnEnded is called exactly once, unless Add throws.
  SongId Add(Song song);

  // Another stage failed in a way that may be the device's fault (see Scheduler::Suspect).
  void Suspect();

  // Makes the device thread look at cancel flags and deadlines now.
  void Wake();

  // The load as of the last step, plus the songs added since.
  SchedulerLoad load() const;

  // The queue place of a song that was added and is not in the batch yet.
  QueuePlace PlaceOf(SongId id) const;

  // OK, or UNAVAILABLE with the reason while the device is lost (see Scheduler).
  absl::Status CheckDevice() const;

  // UNAVAILABLE if the device thread has been inside one step for longer than `step_limit`, or if
  // opening one window has been taking longer than `window_limit`.
  absl::Status CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const;

 private:
  struct AddedSong {
    SongId id = 0;
    Song song;
  };
  struct OpenedWindow {
    SongId song;
    absl::StatusOr<VariantWindows> windows;
    absl::Duration took;
  };
  // Work handed over by other threads. These are lists because taking them needs no memory.
  struct Work {
    std::list<AddedSong> added;
    std::list<OpenedWindow> opened;
    bool suspect = false;
  };

  void OpenWindow(PendingWindow pending);
  // `opened` holds the one list node that takes the result.
  void QueueOpening(std::shared_ptr<const PendingWindow> pending,
                    absl::StatusOr<WindowCondition> condition,
                    const std::shared_ptr<std::list<OpenedWindow>>& opened);
  absl::StatusOr<VariantWindows> TryToOpen(const PendingWindow& pending, WindowCondition condition);
  void HandOver(std::list<OpenedWindow>& opened) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || woken_ || work_.suspect || !work_.added.empty() || !work_.opened.empty();
  }
  void Run();
  // Takes all pending work. With `wait`, first waits until there is some, Wake() is called or the
  // scheduler's next deadline has come. Returns false when the engine stops.
  bool TakeWork(bool wait, Work* work) ABSL_LOCKS_EXCLUDED(mutex_);
  // Hands the work to the scheduler and runs one step. Returns false if there was nothing to step.
  bool DoWork(Work& work);
  // Counts a song in `load_` that the scheduler hasn't counted yet.
  void CountAdded(const AddedSong& added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends all songs of the scheduler and of `work`. Throws nothing.
  void EndAll(Work& work, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  MusicModel* const model_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  Work work_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  SongId next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  SchedulerLoad load_ ABSL_GUARDED_BY(mutex_);  // see load(), but for `now`
  bool in_step_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration step_began_ ABSL_GUARDED_BY(mutex_);

  Scheduler scheduler_;  // used by the device thread alone
  std::unique_ptr<WorkerPool> window_pool_;
  std::thread device_thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_ENGINE_H_
