#include "core/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// The next window is requested 10 s of music before the current one ends. That is enough to finish
// opening another song's first window, if one is being opened just then, and to open this one.
constexpr int64_t kOpenAheadFrames = 10 * kFrameRate;

bool MayBeTheDevices(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status);
}

}  // namespace

Scheduler::Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
                     MetricsSink* metrics, WindowOpener open_window)
    : model_(model),
      options_(options),
      clock_(clock),
      metrics_(metrics),
      open_window_(std::move(open_window)),
      full_window_bytes_(KvBytes(PlanWindows(kWindowFrames / kFrameRate).front())),
      least_window_bytes_(KvBytes(PlanWindows(1).front())) {}

size_t Scheduler::KvBytes(const WindowSpec& window) const {
  return model_->WindowBytes(window.local_count,
                             WindowSequence::Capacity(window.frames, codebooks()));
}

size_t Scheduler::LargestKvBytes(const Generation& generation) const {
  size_t bytes = 0;
  for (const WindowSpec& window : generation.windows) bytes = std::max(bytes, KvBytes(window));
  return bytes;
}

void Scheduler::Add(std::shared_ptr<Generation> generation) {
  if (!device_.ok()) return TellEnd(*generation, device_);
  const size_t bytes = LargestKvBytes(*generation);
  if (bytes > options_.max_kv_bytes) {
    return TellEnd(*generation,
                   absl::ResourceExhaustedError(absl::StrCat(
                       "the request needs ", bytes, " bytes of KV cache, more than the ",
                       options_.max_kv_bytes, " this server has for all")));
  }
  waiting_.Push({std::move(generation), bytes});
}

// The statuses are made once. Copying them needs no memory, so a generation that leaves is always
// told.
absl::Status Scheduler::MustLeave(const Generation& generation) const {
  static const auto* const cancelled = new absl::Status(absl::CancelledError("cancelled"));
  static const auto* const late = new absl::Status(
      absl::DeadlineExceededError("the deadline passed before the music was made"));
  if (generation.cancel.cancelled()) return *cancelled;
  return generation.deadline <= clock_->Monotonic() ? *late : absl::OkStatus();
}

void Scheduler::DropLeavers() {
  const auto leavers = waiting_.Remove(
      [this](const WaitingGeneration& waiting) { return !MustLeave(*waiting.generation).ok(); });
  for (const WaitingGeneration& leaver : leavers) {
    TellEnd(*leaver.generation, MustLeave(*leaver.generation));
  }
  for (const auto& running : running_) {
    const absl::Status status = MustLeave(*running->generation);
    if (!status.ok()) Finish(*running, status);
  }
  EraseFinished();
}

std::unique_ptr<Scheduler::Running> Scheduler::NewRunning(const WaitingGeneration& waiting) {
  auto running = std::make_unique<Running>();
  running->id = next_id_++;
  running->generation = waiting.generation;
  running->kv_bytes = waiting.kv_bytes;
  running->tokens = waiting.generation->known;
  running->first_frame = static_cast<int64_t>(running->tokens.size()) / codebooks();
  running->next_frame = running->first_frame;
  running->window_index = WindowOfFrame(waiting.generation->windows, running->next_frame);
  return running;
}

void Scheduler::Place() {
  while (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_batch) {
    const WaitingGeneration& first = waiting_.front();
    if (kv_bytes_ + first.kv_bytes > options_.max_kv_bytes) break;
    // Everything that may throw comes before the queue changes, so that each generation is always
    // in a list.
    std::unique_ptr<Running> running;
    const absl::Status status = CatchExceptions("the request failed", [&] {
      running_.reserve(running_.size() + 1);
      running = NewRunning(first);
    });
    const std::shared_ptr<Generation> generation = first.generation;
    waiting_.PopFront();
    if (!status.ok()) {
      TellEnd(*generation, status);
      continue;
    }
    kv_bytes_ += running->kv_bytes;
    running_.push_back(std::move(running));
    Running& placed = *running_.back();
    RunFor(placed, [&] {
      generation->OnPlaced();
      RequestWindow(placed, placed.window_index);
    });
  }
  EraseFinished();
}

void Scheduler::OpenAhead() {
  // If a place is free, the waiting requests wait for memory. It must not be taken from them.
  if (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_batch) return;
  for (const auto& running : running_) {
    const bool may = running->window != nullptr && running->has_next() && running->open_ahead &&
                     !running->opening && running->next == nullptr;
    if (!may || running->spec().end_frame() - running->next_frame > kOpenAheadFrames) continue;
    const int next = running->window_index + 1;
    const size_t bytes = KvBytes(running->generation->windows[next]);
    if (kv_bytes_ + bytes > options_.max_kv_bytes) continue;
    running->next_kv_bytes = bytes;
    kv_bytes_ += bytes;
    RunFor(*running, [&] { RequestWindow(*running, next); });
  }
  EraseFinished();
}

void Scheduler::RequestWindow(Running& running, int index) {
  const WindowSpec& spec = running.generation->windows[index];
  open_window_({running.id, running.generation, running.generation->condition, spec,
                WindowSequence::Capacity(spec.frames, codebooks()), running.streaming()});
  running.opening = true;
}

void Scheduler::WindowOpened(uint64_t id, absl::StatusOr<std::unique_ptr<Window>> window,
                             absl::Duration took) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& running) { return running->id == id; });
  if (found == running_.end()) return;  // the generation left meanwhile: the window is freed here
  Running& running = **found;
  running.opening = false;
  running.generation->opening_seconds += took;
  const bool ahead = running.window != nullptr;
  // The condition isn't needed any more once the last window is open.
  const size_t windows = running.window_index + (ahead ? 2 : 1);  // including this one
  if (window.ok() && windows == running.generation->windows.size()) {
    running.generation->condition = nullptr;
  }
  if (window.ok() && ahead) {
    running.next = *std::move(window);
  } else if (window.ok()) {
    RunFor(running, [&] { UseWindow(running, *std::move(window)); });
  } else {
    suspect_ |= MayBeTheDevices(window.status());
    if (ahead) {
      ReleaseNext(running);
      running.open_ahead = false;
    } else {
      Finish(running, window.status());
    }
  }
  EraseFinished();
}

void Scheduler::UseWindow(Running& running, std::unique_ptr<Window> window) {
  const WindowSpec& spec = running.spec();
  running.sequence = std::make_unique<WindowSequence>(
      spec.frames, codebooks(), model_->info().card,
      absl::MakeConstSpan(running.tokens).subspan(spec.first_frame * codebooks()));
  running.window = std::move(window);
}

void Scheduler::ReleaseNext(Running& running) {
  kv_bytes_ -= std::exchange(running.next_kv_bytes, 0);
}

void Scheduler::Finish(Running& running, const absl::Status& status) {
  const std::shared_ptr<Generation> generation = std::exchange(running.generation, nullptr);
  if (generation == nullptr) return;
  running.window = nullptr;
  running.sequence = nullptr;
  running.next = nullptr;
  ReleaseNext(running);
  kv_bytes_ -= std::exchange(running.kv_bytes, 0);
  TellEnd(*generation, status);
}

void Scheduler::EraseFinished() {
  std::erase_if(running_, [](const auto& running) { return running->generation == nullptr; });
}

void Scheduler::Abort(const absl::Status& status) {
  for (const auto& running : running_) Finish(*running, status);
  running_.clear();
  for (const WaitingGeneration& waiting : waiting_.RemoveAll()) {
    TellEnd(*waiting.generation, status);
  }
}

absl::Duration Scheduler::next_deadline() const {
  absl::Duration next = device_.ok() ? absl::InfiniteDuration() : next_probe_;
  waiting_.ForEach([&](const WaitingGeneration& waiting, size_t, size_t) {
    next = std::min(next, waiting.generation->deadline);
  });
  for (const auto& running : running_) next = std::min(next, running->generation->deadline);
  return next;
}

SchedulerLoad Scheduler::load() const {
  SchedulerLoad load;
  load.now = clock_->Monotonic();
  load.device = device_;
  load.max_batch = options_.max_batch;
  load.max_kv_bytes = options_.max_kv_bytes;
  load.kv_bytes = kv_bytes_;
  load.full_window_bytes = std::min(full_window_bytes_, options_.max_kv_bytes);
  load.least_window_bytes = std::min(least_window_bytes_, options_.max_kv_bytes);
  load.speed = speed_;
  load.running.reserve(running_.size());
  load.waiting.reserve(waiting_.size());
  for (const auto& running : running_) {
    load.running.push_back(
        {.frames = running->frames_left(), .kv_bytes = running->kv_bytes + running->next_kv_bytes});
  }
  waiting_.ForEach([&](const WaitingGeneration& waiting, size_t, size_t) {
    const Generation& generation = *waiting.generation;
    const int64_t known = static_cast<int64_t>(generation.known.size()) / codebooks();
    load.AddWaiting(generation.windows.back().end_frame() - known, waiting.kv_bytes,
                    generation.client_key);
  });
  return load;
}

void Scheduler::ReportLoad() {
  int position = 0;
  waiting_.ForEach([&](const WaitingGeneration& waiting, size_t, size_t) {
    waiting.generation->queue_position = ++position;
  });
  metrics_->Set(Gauge::kRequestsRunning, static_cast<double>(running_.size()));
  metrics_->Set(Gauge::kKvCacheUsageRatio,
                options_.max_kv_bytes == 0
                    ? 0.0
                    : static_cast<double>(kv_bytes_) / static_cast<double>(options_.max_kv_bytes));
  metrics_->Set(Gauge::kEstimatedQueueDelaySeconds, absl::ToDoubleSeconds(load().Delay()));
}

}  // namespace vidmuse
