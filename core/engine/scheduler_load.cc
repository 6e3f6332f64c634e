#include "core/engine/scheduler_load.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <tuple>
#include <vector>

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

SongLoad LoadOf(const Song& song, int codebooks) {
  const int64_t known = song.known_frames(codebooks);
  SongLoad load;
  load.frames = song.total_frames() - known;
  load.window_frames = song.windows[WindowOfFrame(song.windows, known)].end_frame() - known;
  load.streamed = song.playback != nullptr;
  load.rows = song.rows();
  return load;
}

void SchedulerLoad::AddWaiting(SongLoad song, absl::string_view client_key) {
  song.client = ClientHash(client_key);
  song.ring = song.turn = 0;
  for (const SongLoad& other : waiting) {
    if (other.streamed != song.streamed) continue;
    if (other.client == song.client) {
      song.ring = other.ring;
      ++song.turn;
    } else if (song.turn == 0) {
      song.ring = std::max(song.ring, other.ring + 1);
    }
  }
  const auto before = [](const SongLoad& a, const SongLoad& b) {
    return std::tuple(!a.streamed, a.turn, a.ring) < std::tuple(!b.streamed, b.turn, b.ring);
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

double SchedulerLoad::FrameSeconds(int rows) const {
  // Rows that are more than the batch has take turns.
  const double turns = std::max(1.0, static_cast<double>(rows) / max_batch);
  return turns * speed.step_seconds * std::min(1.0, std::max(rows, 1) / (turns * speed.batch));
}

absl::Duration SchedulerLoad::DelayOf(size_t ahead, int rows, size_t bytes, Wait wait) const {
  if (FramesPerSecond() <= 0) return absl::ZeroDuration();
  // Each step makes a frame for every song that has a place, so songs end in the order of their
  // remaining frames. `made` counts steps from now on.
  struct Release {
    int64_t made;
    size_t kv_bytes;
    int rows;
    bool operator>(const Release& other) const { return made > other.made; }
  };
  std::priority_queue<Release, std::vector<Release>, std::greater<>> releases;
  size_t reserved = kv_bytes;
  int taken = 0;
  int64_t made = 0;
  const auto occupy = [&](const SongLoad& song) {
    int64_t place = song.frames, memory = song.frames;
    if (wait == Wait::kStream) {
      place = song.yields ? 0 : std::min(song.frames, lead_frames);
      memory = song.window_frames;
    } else if (wait == Wait::kStreamsTurn && song.streamed) {
      place = 0;
      memory = song.window_frames;
    }
    if (place > 0) {
      taken += song.rows;
      releases.push({made + place, 0, song.rows});
    }
    releases.push({made + memory, song.kv_bytes, 0});
  };
  for (const SongLoad& song : running) occupy(song);
  double seconds = 0;
  for (size_t next = 0;;) {
    const size_t needed = next < ahead ? waiting[next].kv_bytes : bytes;
    const bool fits = reserved + needed <= max_kv_bytes;
    if (fits && taken + (next < ahead ? waiting[next].rows : rows) <= max_batch) {
      if (next == ahead) break;
      occupy(waiting[next]);
      reserved += needed;
      ++next;
      continue;
    }
    if (releases.empty()) break;  // it never fits, or songs that have left still hold memory
    const Release first = releases.top();
    releases.pop();
    seconds += static_cast<double>(first.made - made) * FrameSeconds(taken);
    made = first.made;
    taken -= first.rows;
    reserved -= std::min(reserved, first.kv_bytes);
  }
  return absl::Seconds(seconds);
}

absl::Duration SchedulerLoad::Delay() const {
  return DelayOf(waiting.size(), 1, full_window_bytes, Wait::kEnds);
}

absl::Duration SchedulerLoad::DelayBehind(size_t ahead) const {
  if (ahead >= waiting.size()) return Delay();
  const Wait wait = waiting[ahead].streamed ? Wait::kStream : Wait::kEnds;
  return DelayOf(ahead, waiting[ahead].rows, waiting[ahead].kv_bytes, wait);
}

absl::Duration SchedulerLoad::LeastDelay(absl::string_view client_key, bool streamed) const {
  const size_t client = ClientHash(client_key);
  size_t turn = 0;
  size_t ring = waiting.size();  // a new client's place is behind all others
  for (const SongLoad& song : waiting) {
    if (song.client != client || song.streamed != streamed) continue;
    ++turn;
    ring = song.ring;
  }
  // Of its own kind; streams that wait don't all go before a patient song, which has its share.
  size_t ahead = 0;
  SchedulerLoad own = *this;
  std::erase_if(own.waiting, [&](const SongLoad& song) { return song.streamed != streamed; });
  for (const SongLoad& song : own.waiting) {
    ahead += song.turn < turn || (song.turn == turn && song.ring < ring);
  }
  return own.DelayOf(ahead, 1, least_window_bytes, streamed ? Wait::kStream : Wait::kStreamsTurn);
}

}  // namespace vidmuse
