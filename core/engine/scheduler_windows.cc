// The scheduler's windows: which songs get places and memory for them, and when they are opened.
#include <algorithm>
#include <utility>

#include "core/engine/scheduler.h"

namespace vidmuse {
namespace {

// The next window is requested 10 s of music before the current one ends. That is enough to finish
// opening another song's first window, if one is being opened just then, and to open this one.
constexpr int64_t kOpenAheadFrames = 10 * kFrameRate;

// How many songs may hold memory, for each place in the batch.
constexpr int kOpenSongsPerPlace = 4;

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
    consider({UrgencyOf(*song), song.get(), nullptr, song->kv_bytes});
  }
  if (!streams_.empty() && !patient_only && CanKeepUp()) {
    consider({{Urgency::Group::kSilent, {}}, nullptr, &streams_, streams_.front().kv_bytes});
  }
  if (!patient_.empty()) consider({{}, nullptr, &patient_, patient_.front().kv_bytes});
  return best;
}

bool Scheduler::HasPlace(const Candidate& candidate) const {
  const bool due =
      candidate.urgency.group == Urgency::Group::kPatient && stream_windows_ >= kPatientWindows - 1;
  int holding = 0, before = 0;
  for (const auto& song : running_) {
    if (song->parked) continue;
    ++holding;
    before += UrgencyOf(*song) <= candidate.urgency;
  }
  return holding < kOpenSongsPerPlace * options_.max_batch && (due || before < options_.max_batch);
}

bool Scheduler::CanKeepUp() const {
  if (static_cast<int>(running_.size()) < options_.max_batch) return true;
  const absl::Duration now = clock_->Monotonic();
  if (!speed_.IsFresh(now)) return true;
  // A stream with `left` to make that is `lead` ahead runs dry unless it is made at left / (left +
  // lead) of its own pace. The new one has no lead.
  double songs = 1;
  for (const auto& song : running_) {
    if (song->song.playback == nullptr) continue;
    const Urgency urgency = UrgencyOf(*song);
    const absl::Duration left = FramesLength(song->frames_left());
    const absl::Duration lead = std::max(urgency.lead, absl::ZeroDuration());
    if (left > absl::ZeroDuration()) songs += absl::FDivDuration(left, left + lead);
  }
  return songs * kFrameRate <= kBegin * speed_.batch / speed_.step_seconds;
}

Scheduler::RunningSong* Scheduler::PlaceFirst(WaitingQueue& queue) {
  // Whatever may throw comes before the queue changes, so that each song is always in a list.
  auto placed =
      CatchExceptions("the request failed", [&]() -> absl::StatusOr<std::unique_ptr<RunningSong>> {
        running_.reserve(running_.size() + 1);
        return std::make_unique<RunningSong>();
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
  running.tokens = std::move(running.song.known_tokens);
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
  if (running.window != nullptr) ++closed_windows_;
  running.window = nullptr;
  running.sequence = nullptr;
}

bool Scheduler::OthersHoldMemory(const RunningSong& running) const {
  return std::any_of(running_.begin(), running_.end(),
                     [&](const auto& song) { return song.get() != &running && !song->parked; });
}

void Scheduler::OpenAhead() {
  if (memory_is_short_) return;
  for (const auto& running : running_) {
    const bool may = running->window != nullptr && running->has_next() && running->open_ahead &&
                     !running->opening && running->next == nullptr;
    if (!may || running->spec().end_frame() - running->next_frame > kOpenAheadFrames) continue;
    const int next = running->window_index + 1;
    const size_t bytes = KvBytes(running->song.windows[next]);
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
                spec, WindowSequence::Capacity(spec.frames, codebooks()), urgent});
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
    } else if (absl::IsResourceExhausted(window.status()) && OthersHoldMemory(running)) {
      Park(running);
      running.refused_at = closed_windows_;
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

}  // namespace vidmuse
