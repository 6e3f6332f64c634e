// A snapshot of a scheduler's songs, and estimates of how long a new one would wait there.
#ifndef VIDMUSE_ENGINE_SCHEDULER_LOAD_H_
#define VIDMUSE_ENGINE_SCHEDULER_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/engine/song.h"

namespace vidmuse {

// One song that is running or waits for a place.
struct SongLoad {
  SongId id = 0;
  int64_t frames = 0;         // still to be made
  int64_t window_frames = 0;  // of these, until it gives up its memory at the earliest
  size_t kv_bytes = 0;        // KV cache that it has reserved, or needs in order to be placed
  bool streamed = false;      // it is heard while it is made
  int rows = 1;               // of a step: one for each variant
  bool yields = false;        // running: a stream of which nothing was heard goes before it
  // Set in the queue only (see WaitingQueue).
  size_t client = 0;  // ClientHash of its key
  size_t ring = 0;    // the client's place in the ring
  size_t turn = 0;    // how many songs of the same client come before it
};

// The load that a song will be: what follows from the song alone.
SongLoad LoadOf(const Song& song, int codebooks);

// Stands for a client's key in SongLoad.
size_t ClientHash(absl::string_view client_key);

// The speed at which a device has made frames lately.
struct StepSpeed {
  double step_seconds = 0;  // average time of a step; 0: not known
  double batch = 0;         // average number of rows that had a frame drawn in a step
  absl::Duration measured;  // Clock::Monotonic() of the last step

  // Takes in a step of `seconds` > 0, which drew a frame for `drawn` > 0 rows. After a long
  // pause, the average starts anew.
  void Observe(absl::Duration now, double seconds, int drawn);
  // Whether the measurement is recent enough to predict the next step.
  bool IsFresh(absl::Duration now) const;
};

// Plain data without synchronization.
struct SchedulerLoad {
  absl::Duration now;             // Clock::Monotonic() of the snapshot
  absl::Status device;            // why the device can't be used, or OK
  int max_batch = 0;              // rows of the batch
  size_t max_kv_bytes = 0;        // KV cache for all windows together
  size_t kv_bytes = 0;            // reserved part of it
  size_t full_window_bytes = 0;   // KV cache of a song that fills at least one window
  size_t least_window_bytes = 0;  // KV cache of the shortest song
  int64_t lead_frames = 0;        // SchedulerOptions::stream_lead
  std::vector<SongLoad> running;  // songs that have a place
  std::vector<SongLoad> waiting;  // songs in the queue: streams, then others, as they are placed
  StepSpeed speed;

  // Puts a song into `waiting`, behind its client's others of its kind. Sets what SongLoad has for
  // the queue only. If it throws, nothing has changed.
  void AddWaiting(SongLoad song, absl::string_view client_key);

  // Frames still to be made for all running and waiting songs.
  int64_t backlog_frames() const;
  // Frames made per second lately, for all songs together. 0 if that isn't known: before the
  // first step, a minute after the last one, and while no song is there, since a device that was
  // slow when its last song ended needn't be slow now.
  double FramesPerSecond() const;

  // All delays are estimates, and 0 if the speed isn't known.

  // How long a new song that nobody hears while it is made, and that needs a full window, would
  // wait for a place behind all others.
  absl::Duration Delay() const;
  // How long a waiting song with `ahead` others before it has to wait for its place.
  absl::Duration DelayBehind(size_t ahead) const;
  // A lower bound for a new song of the client `client_key`: the delay of the shortest one, with
  // the clients taking turns.
  absl::Duration LeastDelay(absl::string_view client_key, bool streamed) const;

 private:
  // What a song waits for.
  enum class Wait {
    kEnds,        // that others end: an estimate for a patient song
    kStream,      // that others give way to a stream, as early as they ever might
    kStreamsTurn  // that streams give a patient song its share, at the earliest
  };
  // Time until `rows` of the batch and `bytes` of KV cache are free, once the first `ahead` waiting
  // songs have theirs.
  absl::Duration DelayOf(size_t ahead, int rows, size_t bytes, Wait wait) const;
  // A lower bound for the time in which each of `rows` rows gets a frame: a larger batch than the
  // measured one is taken to be as fast, and a smaller one to be faster in proportion.
  double FrameSeconds(int rows) const;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_LOAD_H_
