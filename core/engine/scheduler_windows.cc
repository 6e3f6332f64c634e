// The scheduler's windows: which songs get places and memory for them, and when they are opened.
#include <algorithm>
#include <utility>

#include "core/engine/scheduler.h"

namespace vidmuse {
namespace {

// The next window is requested 10 s of music before the current one ends. That is enough to finish
// opening another song's first window, if one is being opened just then, and to open this one.
constexpr int64_t kOpenAheadFrames = 10 * kFrameRate;

// How many rows' songs may hold memory, for each row of the batch.
constexpr int kOpenRowsPerPlace = 4;

// The share of the speed that streams may need for another one to begin. The rest is for windows
// that all end at once, and for what takes the device longer than it did lately.
constexpr double kBegin = 0.9;

// Patient songs get one in this many windows at least.
constexpr int kPatientWindows = 8;

bool MayBeTheDevices(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status);
}

}  // namespace

Urgency Scheduler::UrgencyOf(const RunningSong& running) const {
  return vidmuse::UrgencyOf(running.song, running.first_frame, running.next_frame,
                            clock_->Monotonic(), options_.stream_lead);
}

void Scheduler::Place() {
  memory_is_short_ = false;
  while (const std::optional<Candidate> next = NextCandidate()) {
    if (!HasPlace(*next)) break;
    memory_is_short_ = kv_bytes_ + next->kv_bytes > options_.max_kv_bytes;
    if (memory_is_short_) break;
    RunningSong* song = next->parked != nullptr ? next->parked : PlaceFirst(*next->queue);
    if (song != nullptr) Unpark(*song);
  }
  EraseFinished();
}

bool Scheduler::PatientWait() const {
  return !patient_.empty() || std::any_of(running_.begin(), running_.end(), [](const auto& song) {
    return song->parked && !song->ended() && song->song.playback == nullptr;
  });
}

std::optional<Scheduler::Candidate> Scheduler::NextCandidate() {
  std::optional<Candidate> best;
  const auto consider = [&best](const Candidate& candidate) {
    if (!best || candidate.urgency < best->urgency) best = candidate;
  };
  const bool patient_only = stream_windows_ >= kPatientWindows - 1 && PatientWait();
  for (const auto& song : running_) {
    if (!song->parked || song->ended()) continue;
    if (patient_only && song->song.playback != nullptr) continue;
    if (song->refused_at == closed_windows_ && OthersHoldMemory(*song)) continue;
    consider({UrgencyOf(*song), song.get(), nullptr, song->kv_bytes, song->rows()});
  }
  const auto consider_first = [&consider](Urgency urgency, WaitingQueue& queue) {
    const WaitingSong& first = queue.front();
    consider({urgency, nullptr, &queue, first.kv_bytes, first.song.rows()});
  };
  if (!streams_.empty() && !patient_only && CanKeepUp(streams_.front().song.rows())) {
    consider_first({Urgency::Group::kSilent, {}}, streams_);
  }
  if (!patient_.empty()) consider_first({}, patient_);
  return best;
}

bool Scheduler::HasPlace(const Candidate& candidate) const {
  const bool due =
      candidate.urgency.group == Urgency::Group::kPatient && stream_windows_ >= kPatientWindows - 1;
  int holding = 0, before = 0;
  for (const auto& song : running_) {
    if (song->parked) continue;
    holding += song->rows();
    if (UrgencyOf(*song) <= candidate.urgency) before += song->rows();
  }
  return holding + candidate.rows <= kOpenRowsPerPlace * options_.max_batch &&
         (due || before + candidate.rows <= options_.max_batch);
}

bool Scheduler::CanKeepUp(int rows) const {
  int rows_running = 0;
  for (const auto& song : running_) rows_running += song->rows();
  if (rows_running + rows <= options_.max_batch) return true;
  const absl::Duration now = clock_->Monotonic();
  if (!speed_.IsFresh(now)) return true;
  // A stream with `left` to make that is `lead` ahead runs dry unless it is made at left / (left +
  // lead) of its own pace. The new one has no lead.
  double needed = rows;  // rows of each step
  for (const auto& song : running_) {
    if (song->song.playback == nullptr) continue;
    const Urgency urgency = UrgencyOf(*song);
    const absl::Duration left = FramesLength(song->frames_left());
    const absl::Duration lead = std::max(urgency.lead, absl::ZeroDuration());
    if (left > absl::ZeroDuration()) {
      needed += song->rows() * absl::FDivDuration(left, left + lead);
    }
  }
  return needed * kFrameRate <= kBegin * speed_.batch / speed_.step_seconds;
}

Scheduler::RunningSong* Scheduler::PlaceFirst(WaitingQueue& queue) {
  // Whatever may throw comes before the queue changes, so that each song is always in a list.
  auto placed =
      CatchExceptions("the request failed", [&]() -> absl::StatusOr<std::unique_ptr<RunningSong>> {
        running_.reserve(running_.size() + 1);
        auto running = std::make_unique<RunningSong>();
        running->variants.resize(queue.front().song.variants.size());
        return running;
      });
  WaitingSong first = queue.PopFront();
  if (!placed.ok()) {
    EndSong(first.song, placed.status());
    return nullptr;
  }
  RunningSong& running = *running_.emplace_back(*std::move(placed));
  running.id = first.id;
  running.song = std::move(first.song);
  running.kv_bytes = first.kv_bytes;
  running.first_frame = running.next_frame = running.song.known_frames(codebooks());
  for (int v = 0; v < running.rows(); ++v) {
    running.variants[v].tokens = std::move(running.song.variants[v].known_tokens);
  }
  running.window_index = WindowOfFrame(running.song.windows, running.next_frame);
  RunFor(running, [&] { running.song.listener->OnPlaced(); });
  return running.ended() ? nullptr : &running;
}

void Scheduler::Unpark(RunningSong& running) {
  running.parked = false;
  kv_bytes_ += running.kv_bytes;
  const bool patient = running.song.playback == nullptr;
  stream_windows_ = patient || !PatientWait() ? 0 : stream_windows_ + 1;
  RunFor(running, [&] { RequestWindow(running, running.window_index); });
}

void Scheduler::Park(RunningSong& running) {
  ReleaseNext(running);
  if (!std::exchange(running.parked, true)) kv_bytes_ -= running.kv_bytes;
}

void Scheduler::CloseWindow(RunningSong& running) {
  if (running.is_open()) ++closed_windows_;
  running.windows.clear();
  for (RunningVariant& variant : running.variants) variant.sequence = nullptr;
}

bool Scheduler::OthersHoldMemory(const RunningSong& running) const {
  return std::any_of(running_.begin(), running_.end(),
                     [&](const auto& song) { return song.get() != &running && !song->parked; });
}

void Scheduler::OpenAhead() {
  if (memory_is_short_) return;
  for (const auto& running : running_) {
    const bool may = running->is_open() && running->has_next() && running->open_ahead &&
                     !running->opening && running->next.empty();
    if (!may || running->spec().end_frame() - running->next_frame > kOpenAheadFrames) continue;
    const int next = running->window_index + 1;
    const size_t bytes = KvBytes(running->song.windows[next], running->rows());
    // Who is far ahead can wait for its window, and leaves room for a newcomer.
    const bool far_ahead = UrgencyOf(*running).group == Urgency::Group::kAhead;
    const size_t room = far_ahead ? full_window_bytes_ : 0;
    if (kv_bytes_ + bytes + room > options_.max_kv_bytes) continue;
    running->next_kv_bytes = bytes;
    kv_bytes_ += bytes;
    RunFor(*running, [&] { RequestWindow(*running, next); });
  }
  EraseFinished();
}

void Scheduler::RequestWindow(RunningSong& running, int index) {
  const WindowSpec& spec = running.song.windows[index];
  const bool urgent = running.streaming() && UrgencyOf(running).group != Urgency::Group::kAhead;
  open_window_({running.id, running.song.listener, running.song.condition, running.song.cancel,
                spec, WindowSequence::Capacity(spec.frames, codebooks()), running.rows(), urgent});
  running.opening = true;
}

void Scheduler::WindowOpened(SongId id, absl::StatusOr<VariantWindows> windows,
                             absl::Duration took) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& running) { return running->id == id; });
  if (found == running_.end()) return;  // the song left meanwhile: its windows are freed here
  RunningSong& running = **found;
  running.opening = false;
  running.times.opening += took;
  const bool ahead = running.is_open();
  // The condition isn't needed any more once the last window is open.
  const size_t opened = running.window_index + (ahead ? 2 : 1);  // including this one
  if (windows.ok() && opened == running.song.windows.size()) {
    running.song.condition = nullptr;
  }
  if (windows.ok() && ahead) {
    running.next = *std::move(windows);
  } else if (windows.ok()) {
    RunFor(running, [&] { UseWindows(running, *std::move(windows)); });
  } else {
    suspect_ |= MayBeTheDevices(windows.status());
    if (ahead) {
      ReleaseNext(running);
      running.open_ahead = false;
    } else if (absl::IsResourceExhausted(windows.status()) && OthersHoldMemory(running)) {
      Park(running);
      running.refused_at = closed_windows_;
    } else {
      Finish(running, windows.status());
    }
  }
  EraseFinished();
}

void Scheduler::UseWindows(RunningSong& running, VariantWindows windows) {
  const WindowSpec& spec = running.spec();
  for (RunningVariant& variant : running.variants) {
    variant.sequence = std::make_unique<WindowSequence>(
        spec.frames, codebooks(), model_->info().card,
        absl::MakeConstSpan(variant.tokens).subspan(spec.first_frame * codebooks()));
  }
  running.windows = std::move(windows);
}

void Scheduler::ReleaseNext(RunningSong& running) {
  kv_bytes_ -= std::exchange(running.next_kv_bytes, 0);
}

}  // namespace vidmuse
