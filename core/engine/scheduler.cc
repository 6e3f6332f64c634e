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
      least_window_bytes_(KvBytes(PlanWindows(1).front())) {
  load_ = MeasureLoad();
}

size_t Scheduler::KvBytes(const WindowSpec& window) const {
  return model_->WindowBytes(window.local_count,
                             WindowSequence::Capacity(window.frames, codebooks()));
}

size_t Scheduler::LargestKvBytes(const Song& song) const {
  size_t bytes = 0;
  for (const WindowSpec& window : song.windows) bytes = std::max(bytes, KvBytes(window));
  return bytes;
}

void Scheduler::Add(SongId id, Song&& song) {
  if (!device_.ok()) return EndSong(song, device_);
  const size_t bytes = LargestKvBytes(song);
  if (bytes > options_.max_kv_bytes) {
    return EndSong(song, absl::ResourceExhaustedError(absl::StrCat(
                             "the request needs ", bytes, " bytes of KV cache, more than the ",
                             options_.max_kv_bytes, " this server has for all")));
  }
  waiting_.Push(id, std::move(song), bytes);
}

// The statuses are made once. Copying them needs no memory, so a song that leaves is always told.
absl::Status Scheduler::MustLeave(const Song& song) const {
  static const auto* const cancelled = new absl::Status(absl::CancelledError("cancelled"));
  static const auto* const late = new absl::Status(
      absl::DeadlineExceededError("the deadline passed before the music was made"));
  if (song.cancel.cancelled()) return *cancelled;
  return song.deadline <= clock_->Monotonic() ? *late : absl::OkStatus();
}

void Scheduler::DropLeavers() {
  auto leavers =
      waiting_.Remove([this](const WaitingSong& waiting) { return !MustLeave(waiting.song).ok(); });
  for (WaitingSong& leaver : leavers) EndSong(leaver.song, MustLeave(leaver.song));
  for (const auto& running : running_) {
    const absl::Status status = MustLeave(running->song);
    if (!status.ok()) Finish(*running, status);
  }
  EraseFinished();
}

void Scheduler::Place() {
  while (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_batch) {
    if (kv_bytes_ + waiting_.front().kv_bytes > options_.max_kv_bytes) break;
    PlaceFirst();
  }
  EraseFinished();
}

void Scheduler::PlaceFirst() {
  // Whatever may throw comes before the queue changes, so that each song is always in a list.
  auto placed =
      CatchExceptions("the request failed", [&]() -> absl::StatusOr<std::unique_ptr<RunningSong>> {
        running_.reserve(running_.size() + 1);
        return std::make_unique<RunningSong>();
      });
  WaitingSong first = waiting_.PopFront();
  if (!placed.ok()) return EndSong(first.song, placed.status());
  RunningSong& running = *running_.emplace_back(*std::move(placed));
  running.id = first.id;
  running.song = std::move(first.song);
  running.kv_bytes = first.kv_bytes;
  kv_bytes_ += running.kv_bytes;
  running.first_frame = running.next_frame = running.song.known_frames(codebooks());
  running.tokens = std::move(running.song.known_tokens);
  running.window_index = WindowOfFrame(running.song.windows, running.next_frame);
  RunFor(running, [&] {
    running.song.listener->OnPlaced();
    RequestWindow(running, running.window_index);
  });
}

void Scheduler::OpenAhead() {
  // If a place is free, the waiting songs wait for memory. It must not be taken from them.
  if (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_batch) return;
  for (const auto& running : running_) {
    const bool may = running->window != nullptr && running->has_next() && running->open_ahead &&
                     !running->opening && running->next == nullptr;
    if (!may || running->spec().end_frame() - running->next_frame > kOpenAheadFrames) continue;
    const int next = running->window_index + 1;
    const size_t bytes = KvBytes(running->song.windows[next]);
    if (kv_bytes_ + bytes > options_.max_kv_bytes) continue;
    running->next_kv_bytes = bytes;
    kv_bytes_ += bytes;
    RunFor(*running, [&] { RequestWindow(*running, next); });
  }
  EraseFinished();
}

void Scheduler::RequestWindow(RunningSong& running, int index) {
  const WindowSpec& spec = running.song.windows[index];
  open_window_({running.id, running.song.listener, running.song.condition, running.song.cancel,
                spec, WindowSequence::Capacity(spec.frames, codebooks()), running.streaming()});
  running.opening = true;
}

void Scheduler::WindowOpened(SongId id, absl::StatusOr<std::unique_ptr<Window>> window,
                             absl::Duration took) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& running) { return running->id == id; });
  if (found == running_.end()) return;  // the song left meanwhile: the window is freed here
  RunningSong& running = **found;
  running.opening = false;
  running.times.opening += took;
  const bool ahead = running.window != nullptr;
  // The condition isn't needed any more once the last window is open.
  const size_t windows = running.window_index + (ahead ? 2 : 1);  // including this one
  if (window.ok() && windows == running.song.windows.size()) {
    running.song.condition = nullptr;
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

void Scheduler::UseWindow(RunningSong& running, std::unique_ptr<Window> window) {
  const WindowSpec& spec = running.spec();
  running.sequence = std::make_unique<WindowSequence>(
      spec.frames, codebooks(), model_->info().card,
      absl::MakeConstSpan(running.tokens).subspan(spec.first_frame * codebooks()));
  running.window = std::move(window);
}

void Scheduler::ReleaseNext(RunningSong& running) {
  kv_bytes_ -= std::exchange(running.next_kv_bytes, 0);
}

void Scheduler::Finish(RunningSong& running, const absl::Status& status) {
  if (running.ended()) return;
  running.window = nullptr;
  running.sequence = nullptr;
  running.next = nullptr;
  ReleaseNext(running);
  kv_bytes_ -= std::exchange(running.kv_bytes, 0);
  EndSong(running.song, status, running.times);
}

void Scheduler::EraseFinished() {
  std::erase_if(running_, [](const auto& running) { return running->ended(); });
}

void Scheduler::Abort(const absl::Status& status) {
  for (const auto& running : running_) Finish(*running, status);
  running_.clear();
  auto waiting = waiting_.RemoveAll();
  for (WaitingSong& leaver : waiting) EndSong(leaver.song, status);
  load_.running.clear();
  load_.waiting.clear();
  load_.kv_bytes = 0;
}

absl::Duration Scheduler::next_deadline() const {
  absl::Duration next = device_.ok() ? absl::InfiniteDuration() : next_probe_;
  next = std::min(next, waiting_.next_deadline());
  for (const auto& running : running_) next = std::min(next, running->song.deadline);
  return next;
}

SchedulerLoad Scheduler::MeasureLoad() const {
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
    load.running.push_back({.id = running->id,
                            .frames = running->frames_left(),
                            .kv_bytes = running->kv_bytes + running->next_kv_bytes});
  }
  waiting_.ForEach([&](const WaitingSong& waiting, size_t client, size_t turn) {
    const Song& song = waiting.song;
    load.waiting.push_back({.id = waiting.id,
                            .frames = song.total_frames() - song.known_frames(codebooks()),
                            .kv_bytes = waiting.kv_bytes,
                            .client = ClientHash(song.client_key),
                            .ring = client,
                            .turn = turn});
  });
  return load;
}

void Scheduler::ReportLoad() const {
  metrics_->Set(Gauge::kRequestsRunning, static_cast<double>(running_.size()));
  metrics_->Set(Gauge::kKvCacheUsageRatio,
                options_.max_kv_bytes == 0
                    ? 0.0
                    : static_cast<double>(kv_bytes_) / static_cast<double>(options_.max_kv_bytes));
  metrics_->Set(Gauge::kEstimatedQueueDelaySeconds, absl::ToDoubleSeconds(load_.Delay()));
}

}  // namespace vidmuse
