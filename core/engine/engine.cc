#include "core/engine/engine.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/base/catch_exceptions.h"
#include "core/base/status_macros.h"

namespace vidmuse {

Engine::Engine(MusicModel* model, const SchedulerOptions& options, int window_threads,
               const Clock* clock, MetricsSink* metrics)
    : model_(model),
      clock_(clock),
      scheduler_(model, options, clock, metrics,
                 [this](PendingWindow pending) { OpenWindow(std::move(pending)); }),
      // Each song that holds memory has at most one pending window, and cancelled ones may leave
      // one behind.
      window_pool_(std::make_unique<WorkerPool>(
          "vm-window", window_threads, static_cast<size_t>(options.max_batch) * 8 + 64, clock, 5)) {
  load_ = scheduler_.load();
  device_thread_ = std::thread([this] { Run(); });
}

Engine::~Engine() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  device_thread_.join();
  window_pool_.reset();
}

SongId Engine::Add(Song song) {
  std::list<AddedSong> added(1);
  added.front().song = std::move(song);
  MutexLock lock(&mutex_);
  added.front().id = next_id_;
  CountAdded(added.front());
  work_.added.splice(work_.added.end(), added);
  return next_id_++;
}

void Engine::CountAdded(const AddedSong& added) {
  SongLoad song = LoadOf(added.song, model_->info().codebooks);
  song.id = added.id;
  song.kv_bytes = load_.least_window_bytes;
  load_.AddWaiting(song, added.song.client_key);
}

void Engine::Suspect() {
  MutexLock lock(&mutex_);
  work_.suspect = true;
}

void Engine::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
}

SchedulerLoad Engine::load() const {
  MutexLock lock(&mutex_);
  SchedulerLoad load = load_;
  load.now = clock_->Monotonic();
  return load;
}

QueuePlace Engine::PlaceOf(SongId id) const {
  const SchedulerLoad load = this->load();
  const auto found = std::find_if(load.waiting.begin(), load.waiting.end(),
                                  [&](const SongLoad& song) { return song.id == id; });
  // A song that isn't in the queue any more is about to be told so.
  const bool waits = found != load.waiting.end();
  const size_t ahead = waits ? static_cast<size_t>(found - load.waiting.begin()) : 0;
  QueuePlace place;
  place.position = static_cast<int>(ahead) + 1;
  if (waits && load.FramesPerSecond() > 0) {
    place.seconds = absl::ToDoubleSeconds(load.DelayBehind(ahead));
  }
  return place;
}

absl::Status Engine::CheckDevice() const {
  MutexLock lock(&mutex_);
  return load_.device;
}

absl::Status Engine::CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const {
  RETURN_IF_ERROR(window_pool_->CheckProgress(window_limit));
  MutexLock lock(&mutex_);
  if (in_step_ && clock_->Monotonic() - step_began_ > step_limit) {
    return absl::UnavailableError("the device thread is stuck in a step");
  }
  return absl::OkStatus();
}

absl::StatusOr<VariantWindows> Engine::TryToOpen(const PendingWindow& pending,
                                                 WindowCondition condition) {
  return CatchExceptions("a window could not be opened", [&]() -> absl::StatusOr<VariantWindows> {
    if (pending.cancel.cancelled()) return absl::CancelledError("cancelled");
    const WindowSpec& window = pending.window;
    ASSIGN_OR_RETURN(
        VariantWindows opened,
        model_->OpenWindows(*condition.condition, window.first_local - condition.first_local,
                            window.local_count, pending.capacity, pending.count, pending.cancel));
    condition = {};  // nothing holds it here when the next one is made
    pending.condition->Opened(window);
    return opened;
  });
}

void Engine::HandOver(std::list<OpenedWindow>& opened) {
  MutexLock lock(&mutex_);
  work_.opened.splice(work_.opened.end(), opened);
}

void Engine::OpenWindow(PendingWindow pending) {
  // Allocates the list node for the result now, so that handing it over later needs no memory.
  auto opened = std::make_shared<std::list<OpenedWindow>>();
  opened->push_back({pending.song, OutOfMemory(), {}});
  auto kept = std::make_shared<const PendingWindow>(std::move(pending));
  kept->condition->Get(kept->window,
                       [this, kept, opened](absl::StatusOr<WindowCondition> condition) {
                         QueueOpening(kept, std::move(condition), opened);
                       });
}

void Engine::QueueOpening(std::shared_ptr<const PendingWindow> pending,
                          absl::StatusOr<WindowCondition> condition,
                          const std::shared_ptr<std::list<OpenedWindow>>& opened) {
  if (!condition.ok()) {
    opened->front().windows = condition.status();
    return HandOver(*opened);
  }
  const auto priority = pending->urgent ? TaskPriority::kUrgent : TaskPriority::kNormal;
  auto open = [this, opened, pending = std::move(pending),
               condition = *std::move(condition)]() mutable {
    const absl::Duration begin = clock_->Monotonic();
    absl::StatusOr<VariantWindows> windows = TryToOpen(*pending, std::move(condition));
    opened->front().took = clock_->Monotonic() - begin;
    opened->front().windows = std::move(windows);
    HandOver(*opened);
  };
  if (window_pool_->Submit(std::move(open), priority)) return;
  opened->front().windows = absl::ResourceExhaustedError("too many windows are being opened");
  HandOver(*opened);
}

bool Engine::TakeWork(bool wait, Work* work) {
  MutexLock lock(&mutex_);
  in_step_ = false;
  if (wait) {
    mutex_.AwaitFor(scheduler_.next_deadline() - clock_->Monotonic(),
                    [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return HasWork(); });
  }
  woken_ = false;
  if (stopping_) return false;
  std::swap(*work, work_);
  in_step_ = true;
  step_began_ = clock_->Monotonic();
  return true;
}

bool Engine::DoWork(Work& work) {
  for (; !work.added.empty(); work.added.pop_front()) {
    AddedSong& added = work.added.front();
    scheduler_.Add(added.id, std::move(added.song));
  }
  for (OpenedWindow& opened : work.opened) {
    scheduler_.WindowOpened(opened.song, std::move(opened.windows), opened.took);
  }
  if (work.suspect) scheduler_.Suspect();
  const bool stepped = scheduler_.RunStep();
  SchedulerLoad load = scheduler_.load();
  MutexLock lock(&mutex_);
  std::swap(load_, load);
  for (const AddedSong& added : work_.added) CountAdded(added);
  return stepped;
}

void Engine::EndAll(Work& work, const absl::Status& status) {
  scheduler_.Abort(status);
  for (AddedSong& added : work.added) EndSong(added.song, status);
}

void Engine::Run() {
  pthread_setname_np(pthread_self(), "vm-device");
  bool stepped = false;
  for (;;) {
    Work work;
    if (!TakeWork(/*wait=*/!stepped, &work)) break;
    const absl::Status status =
        CatchExceptions("the device thread failed", [&] { stepped = DoWork(work); });
    if (status.ok()) continue;
    // Exceptions of the model and of the listeners end one song each and don't get here. After any
    // other exception, all songs end.
    EndAll(work, status);
    stepped = false;
    MutexLock lock(&mutex_);
    load_.running.clear();
    load_.kv_bytes = 0;
    const SongId left = work_.added.empty() ? next_id_ : work_.added.front().id;
    std::erase_if(load_.waiting, [left](const SongLoad& song) { return song.id < left; });
  }
  Work left;
  {
    MutexLock lock(&mutex_);
    std::swap(left, work_);
  }
  EndAll(left, absl::CancelledError("the generator is shutting down"));
}

}  // namespace vidmuse
