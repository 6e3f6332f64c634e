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
                 [this](WindowRequest request) { OpenWindow(std::move(request)); }),
      // Each running generation has at most one pending window; cancelled ones may leave one
      // behind.
      window_pool_(std::make_unique<WorkerPool>(
          "vm-window", window_threads, static_cast<size_t>(options.max_batch) * 4 + 64, clock, 5)) {
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

void Engine::Add(std::shared_ptr<Generation> generation) {
  std::list<std::shared_ptr<Generation>> added;
  added.push_back(std::move(generation));
  MutexLock lock(&mutex_);
  work_.added.splice(work_.added.end(), added);
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
  for (const auto& generation : work_.added) {
    const int codebooks = model_->info().codebooks;
    const int64_t known = static_cast<int64_t>(generation->known.size()) / codebooks;
    load.AddWaiting(generation->windows.back().end_frame() - known, load.least_window_bytes,
                    generation->client_key);
  }
  return load;
}

QueuePlace Engine::PlaceOf(const Generation& generation) const {
  const SchedulerLoad load = this->load();
  QueuePlace place;
  place.position = generation.queue_position;
  // Position 0: the scheduler hasn't seen it yet, so it is behind all that wait.
  if (place.position == 0) place.position = std::max(static_cast<int>(load.waiting.size()), 1);
  if (load.FramesPerSecond() > 0) {
    place.seconds = absl::ToDoubleSeconds(load.DelayBehind(place.position - 1));
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

absl::StatusOr<std::unique_ptr<Window>> Engine::TryToOpen(const WindowRequest& request) {
  const CancelFlag& cancel = request.generation->cancel;
  return CatchExceptions(
      "a window could not be opened", [&]() -> absl::StatusOr<std::unique_ptr<Window>> {
        if (cancel.cancelled()) return absl::CancelledError("cancelled");
        return model_->OpenWindow(*request.condition, request.window.first_local,
                                  request.window.local_count, request.capacity, cancel);
      });
}

void Engine::OpenWindow(WindowRequest request) {
  // Allocates the list node for the result now, so that handing it over later needs no memory.
  const auto opened = std::make_shared<std::list<OpenedWindow>>();
  opened->push_back({request.id, OutOfMemory(), {}});
  const bool urgent = request.urgent;
  const auto open = [this, opened, request = std::move(request)] {
    const absl::Duration begin = clock_->Monotonic();
    absl::StatusOr<std::unique_ptr<Window>> window = TryToOpen(request);
    opened->front().took = clock_->Monotonic() - begin;
    opened->front().window = std::move(window);
    MutexLock lock(&mutex_);
    work_.opened.splice(work_.opened.end(), *opened);
  };
  if (window_pool_->Submit(open, urgent ? TaskPriority::kUrgent : TaskPriority::kNormal)) return;
  opened->front().window = absl::ResourceExhaustedError("too many windows are being opened");
  MutexLock lock(&mutex_);
  work_.opened.splice(work_.opened.end(), *opened);
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
  for (; !work.added.empty(); work.added.pop_front()) scheduler_.Add(work.added.front());
  for (OpenedWindow& window : work.opened) {
    scheduler_.WindowOpened(window.id, std::move(window.window), window.took);
  }
  if (work.suspect) scheduler_.Suspect();
  const bool stepped = scheduler_.RunStep();
  SchedulerLoad load = scheduler_.load();
  MutexLock lock(&mutex_);
  std::swap(load_, load);
  return stepped;
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
    // Exceptions of the model and of the requests' own methods end one request each and don't get
    // here. After any other exception, all requests end.
    scheduler_.Abort(status);
    for (const auto& generation : work.added) TellEnd(*generation, status);
    stepped = false;
    MutexLock lock(&mutex_);
    load_.running.clear();
    load_.waiting.clear();
    load_.kv_bytes = 0;
  }
  const absl::Status status = absl::CancelledError("the generator is shutting down");
  scheduler_.Abort(status);
  Work left;
  {
    MutexLock lock(&mutex_);
    std::swap(left, work_);
  }
  for (const auto& generation : left.added) TellEnd(*generation, status);
}

}  // namespace vidmuse
