#include "core/engine/scheduler_load.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <utility>

namespace vidmuse {
namespace {

// An older measurement of the speed says nothing about the next step.
constexpr absl::Duration kSpeedLasts = absl::Minutes(1);
constexpr double kNewStepWeight = 0.02;

}  // namespace

size_t ClientHash(absl::string_view client_key) {
  return std::hash<std::string_view>()(std::string_view(client_key.data(), client_key.size()));
}

bool StepSpeed::IsFresh(absl::Duration now) const {
  return step_seconds > 0 && now - measured <= kSpeedLasts;
}

void StepSpeed::Observe(absl::Duration now, double seconds, int drawn) {
  const double weight = IsFresh(now) ? kNewStepWeight : 1.0;
  step_seconds += weight * (seconds - step_seconds);
  batch += weight * (drawn - batch);
  measured = now;
}

void SchedulerLoad::AddWaiting(SongLoad song, absl::string_view client_key) {
  song.client = ClientHash(client_key);
  song.ring = song.turn = 0;
  for (const SongLoad& other : waiting) {
    if (other.client == song.client) {
      song.ring = other.ring;
      ++song.turn;
    } else if (song.turn == 0) {
      song.ring = std::max(song.ring, other.ring + 1);
    }
  }
  const auto before = [](const SongLoad& a, const SongLoad& b) {
    return std::pair(a.turn, a.ring) < std::pair(b.turn, b.ring);
  };
  waiting.insert(std::upper_bound(waiting.begin(), waiting.end(), song, before), song);
}

int64_t SchedulerLoad::backlog_frames() const {
  int64_t frames = 0;
  for (const SongLoad& song : running) frames += song.frames;
  for (const SongLoad& song : waiting) frames += song.frames;
  return frames;
}

double SchedulerLoad::FramesPerSecond() const {
  const bool idle = running.empty() && waiting.empty();
  return idle || !speed.IsFresh(now) ? 0 : speed.batch / speed.step_seconds;
}

double SchedulerLoad::StepSeconds(size_t songs) const {
  return speed.step_seconds * std::min(1.0, static_cast<double>(songs) / speed.batch);
}

absl::Duration SchedulerLoad::DelayOf(size_t ahead, size_t bytes) const {
  if (FramesPerSecond() <= 0) return absl::ZeroDuration();
  // Each step makes a frame for every song that has a place, so songs end in the order of their
  // remaining frames. `made` counts steps from now on.
  struct Ending {
    int64_t made;
    size_t kv_bytes;
    bool operator>(const Ending& other) const { return made > other.made; }
  };
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> places;
  for (const SongLoad& song : running) places.push({song.frames, song.kv_bytes});
  size_t reserved = kv_bytes;
  int64_t made = 0;
  double seconds = 0;
  for (size_t next = 0;;) {
    const size_t needed = next < ahead ? waiting[next].kv_bytes : bytes;
    const bool fits = reserved + needed <= max_kv_bytes;
    if (fits && static_cast<int>(places.size()) < max_batch) {
      if (next == ahead) break;
      places.push({made + waiting[next].frames, needed});
      reserved += needed;
      ++next;
      continue;
    }
    if (places.empty()) break;  // it never fits, or songs that have left still hold memory
    const Ending first = places.top();
    seconds += static_cast<double>(first.made - made) * StepSeconds(places.size());
    made = first.made;
    reserved -= std::min(reserved, first.kv_bytes);
    places.pop();
  }
  return absl::Seconds(seconds);
}

absl::Duration SchedulerLoad::Delay() const { return DelayOf(waiting.size(), full_window_bytes); }

absl::Duration SchedulerLoad::DelayBehind(size_t ahead) const {
  if (ahead >= waiting.size()) return Delay();
  return DelayOf(ahead, waiting[ahead].kv_bytes);
}

absl::Duration SchedulerLoad::LeastDelay(absl::string_view client_key) const {
  const size_t client = ClientHash(client_key);
  size_t turn = 0;
  size_t ring = waiting.size();  // a new client's place is behind all others
  for (const SongLoad& song : waiting) {
    if (song.client != client) continue;
    ++turn;
    ring = song.ring;
  }
  const auto ahead = std::count_if(waiting.begin(), waiting.end(), [&](const SongLoad& song) {
    return song.turn < turn || (song.turn == turn && song.ring < ring);
  });
  return DelayOf(static_cast<size_t>(ahead), least_window_bytes);
}

}  // namespace vidmuse
