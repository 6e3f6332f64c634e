#include "core/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// Frames of this length, which may be infinite.
int64_t FramesOf(absl::Duration length) {
  return static_cast<int64_t>(std::min(absl::ToDoubleSeconds(length), 1e9) * kFrameRate);
}

}  // namespace
Scheduler::Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
                     MetricsSink* metrics, WindowOpener open_window)
    : model_(model),
      options_(options),
      clock_(clock),
      metrics_(metrics),
      open_window_(std::move(open_window)),
      full_window_bytes_(KvBytes(PlanWindows(kWindowFrames / kFrameRate).front(), 1)),
      least_window_bytes_(KvBytes(PlanWindows(1).front(), 1)) {
  load_ = MeasureLoad();
}

size_t Scheduler::KvBytes(const WindowSpec& window, int count) const {
  return model_->WindowsBytes(window.local_count,
                              WindowSequence::Capacity(window.frames, codebooks()), count);
}

size_t Scheduler::LargestKvBytes(const Song& song) const {
  size_t bytes = 0;
  for (const WindowSpec& window : song.windows) {
    bytes = std::max(bytes, KvBytes(window, song.rows()));
  }
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
  WaitingQueue& queue = song.playback == nullptr ? patient_ : streams_;
  queue.Push(id, std::move(song), bytes);
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
  for (WaitingQueue* queue : {&streams_, &patient_}) {
    auto leavers =
        queue->Remove([this](const WaitingSong& waiting) { return !MustLeave(waiting.song).ok(); });
    for (WaitingSong& leaver : leavers) EndSong(leaver.song, MustLeave(leaver.song));
  }
  for (const auto& running : running_) {
    const absl::Status status = MustLeave(running->song);
    if (!status.ok()) Finish(*running, status);
  }
  EraseFinished();
}

void Scheduler::Finish(RunningSong& running, const absl::Status& status) {
  if (running.ended()) return;
  CloseWindow(running);
  running.next.clear();
  Park(running);
  EndSong(running.song, status, running.times);
}

void Scheduler::EraseFinished() {
  std::erase_if(running_, [](const auto& running) { return running->ended(); });
}

void Scheduler::Abort(const absl::Status& status) {
  for (const auto& running : running_) Finish(*running, status);
  running_.clear();
  for (WaitingQueue* queue : {&streams_, &patient_}) {
    auto waiting = queue->RemoveAll();
    for (WaitingSong& leaver : waiting) EndSong(leaver.song, status);
  }
  load_.running.clear();
  load_.waiting.clear();
  load_.kv_bytes = 0;
}

absl::Duration Scheduler::next_deadline() const {
  absl::Duration next = device_.ok() ? absl::InfiniteDuration() : next_probe_;
  next = std::min({next, streams_.next_deadline(), patient_.next_deadline()});
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
  load.lead_frames = FramesOf(options_.stream_lead);
  load.running.reserve(running_.size());
  load.waiting.reserve(streams_.size() + patient_.size());
  for (const auto& running : running_) {
    SongLoad song;
    song.id = running->id;
    song.rows = running->rows();
    song.frames = running->frames_left();
    song.kv_bytes = running->parked ? 0 : running->kv_bytes + running->next_kv_bytes;
    song.streamed = running->song.playback != nullptr;
    song.yields = UrgencyOf(*running).group >= Urgency::Group::kAhead;
    song.window_frames = running->spec().end_frame() - running->next_frame;
    load.running.push_back(song);
  }
  for (const WaitingQueue* queue : {&streams_, &patient_}) {
    queue->ForEach([&](const WaitingSong& waiting, size_t client, size_t turn) {
      SongLoad song = LoadOf(waiting.song, codebooks());
      song.id = waiting.id;
      song.kv_bytes = waiting.kv_bytes;
      song.client = ClientHash(waiting.song.client_key);
      song.ring = client;
      song.turn = turn;
      load.waiting.push_back(song);
    });
  }
  return load;
}

void Scheduler::ReportLoad() const {
  metrics_->Set(Gauge::kRequestsRunning, static_cast<double>(running_.size()));
  metrics_->Set(Gauge::kRequestsPaused, sitting_out_);
  metrics_->Set(Gauge::kKvCacheUsageRatio,
                options_.max_kv_bytes == 0
                    ? 0.0
                    : static_cast<double>(kv_bytes_) / static_cast<double>(options_.max_kv_bytes));
  metrics_->Set(Gauge::kEstimatedQueueDelaySeconds, absl::ToDoubleSeconds(load_.Delay()));
}

}  // namespace vidmuse
