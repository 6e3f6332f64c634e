#include "core/engine/engine.h"

#include <pthread.h>

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {

Engine::Engine(MusicModel* model, const SchedulerOptions& options, int window_threads,
               const Clock* clock, MetricsSink* metrics)
    : model_(model),
      clock_(clock),
      scheduler_(model, options, clock, metrics,
                 [this](WindowRequest request) { OpenWindow(std::move(request)); }),
      // A generation has at most one window on its way; those that left may have one more each.
      window_pool_(std::make_unique<WorkerPool>(
          "vm-window", window_threads, static_cast<size_t>(options.max_batch) * 4 + 64, 5)),
      device_thread_([this] { Run(); }) {}

Engine::~Engine() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  device_thread_.join();
  window_pool_.reset();
}

void Engine::Add(std::shared_ptr<Generation> generation) {
  MutexLock lock(&mutex_);
  added_.push_back(std::move(generation));
}

void Engine::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
}

SchedulerLoad Engine::load() const {
  MutexLock lock(&mutex_);
  SchedulerLoad load = load_;
  load.waiting += static_cast<int>(added_.size());
  return load;
}

absl::Status Engine::CheckProgress(absl::Duration limit) const {
  MutexLock lock(&mutex_);
  if (in_step_ && clock_->Monotonic() - step_began_ > limit) {
    return absl::UnavailableError("the device thread is stuck in a step");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Window>> Engine::TryToOpen(const WindowRequest& request) {
  const CancelFlag& cancel = request.generation->cancel;
  if (cancel.cancelled()) return absl::CancelledError("cancelled");
  try {
    return model_->OpenWindow(*request.condition, request.window.first_local,
                              request.window.local_count, request.capacity, cancel);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for a window");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("a window could not be opened: ", error.what()));
  }
}

void Engine::OpenWindow(WindowRequest request) {
  const uint64_t id = request.id;
  const bool taken = window_pool_->Submit([this, request = std::move(request)] {
    const absl::Duration begin = clock_->Monotonic();
    absl::StatusOr<std::unique_ptr<Window>> window = TryToOpen(request);
    MutexLock lock(&mutex_);
    opened_.push_back({request.id, std::move(window), clock_->Monotonic() - begin});
  });
  if (taken) return;
  MutexLock lock(&mutex_);
  opened_.push_back({id, absl::ResourceExhaustedError("too many windows are being opened"), {}});
}

void Engine::Run() {
  pthread_setname_np(pthread_self(), "vm-device");
  bool stepped = false;
  for (;;) {
    std::vector<std::shared_ptr<Generation>> added;
    std::vector<OpenedWindow> opened;
    {
      MutexLock lock(&mutex_);
      in_step_ = false;
      load_ = scheduler_.load();
      if (!stepped) {
        mutex_.AwaitFor(scheduler_.next_deadline() - clock_->Monotonic(),
                        [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return HasWork(); });
      }
      woken_ = false;
      if (stopping_) break;
      std::swap(added, added_);
      std::swap(opened, opened_);
      in_step_ = true;
      step_began_ = clock_->Monotonic();
    }
    size_t taken = 0;
    try {
      for (; taken < added.size(); ++taken) scheduler_.Add(added[taken]);
      added.clear();
      for (OpenedWindow& window : opened) {
        scheduler_.WindowOpened(window.id, std::move(window.window), window.took);
      }
      stepped = scheduler_.RunStep();
    } catch (const std::bad_alloc&) {
      // Outside the model, whose exceptions the scheduler blames on one request each.
      const absl::Status status = absl::ResourceExhaustedError("out of memory");
      scheduler_.Abort(status);
      for (; taken < added.size(); ++taken) added[taken]->OnGenerated(status);
    }
  }
  std::vector<std::shared_ptr<Generation>> added;
  {
    MutexLock lock(&mutex_);
    std::swap(added, added_);
  }
  const absl::Status status = absl::CancelledError("the generator is shutting down");
  scheduler_.Abort(status);
  for (const auto& generation : added) generation->OnGenerated(status);
}

}  // namespace vidmuse
