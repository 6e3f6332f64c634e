// What a scheduler holds at one moment, and how long a new request would wait there.
#ifndef VIDMUSE_ENGINE_SCHEDULER_LOAD_H_
#define VIDMUSE_ENGINE_SCHEDULER_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace vidmuse {

// One generation in the batch or in the queue.
struct SongLoad {
  int64_t frames = 0;   // still to be made
  size_t kv_bytes = 0;  // of its windows: reserved, or needed to be placed
  // In the queue: a hash of the client's key, the client's place in the ring, and how many of the
  // same client come first (see WaitingQueue).
  size_t client = 0;
  size_t ring = 0;
  size_t turn = 0;
};

// The speed at which a device has made frames lately.
struct StepSpeed {
  double step_seconds = 0;  // of a step; 0: not known
  double batch = 0;         // requests that had a frame drawn in it
  absl::Duration measured;  // Clock::Monotonic() of the last step

  // Takes in a step of `seconds` > 0, which drew a frame for `drawn` > 0 requests. What was
  // measured before a long pause is forgotten.
  void Observe(absl::Duration now, double seconds, int drawn);
  // Whether it still says something about the next step.
  bool IsFresh(absl::Duration now) const;
};

// Plain data.
struct SchedulerLoad {
  absl::Duration now;             // Clock::Monotonic() when it was looked at
  absl::Status device;            // why the device can't be used, or OK
  int max_batch = 0;              // places
  size_t max_kv_bytes = 0;        // for the windows of all of them
  size_t kv_bytes = 0;            // reserved
  size_t full_window_bytes = 0;   // what a song takes that is as long as a window, or longer
  size_t least_window_bytes = 0;  // what the shortest song takes
  std::vector<SongLoad> running;  // with a place
  std::vector<SongLoad> waiting;  // without, in the order in which they get one
  StepSpeed speed;

  // Puts a request into `waiting`, behind its client's others.
  void AddWaiting(int64_t frames, size_t kv_bytes, absl::string_view client_key);

  // Frames still to be made for all of them.
  int64_t backlog_frames() const;
  // Frames made lately in a second, all together. 0 where that isn't known: at the beginning, a
  // minute after the last step, and while there is nothing to be made. A device that was slow when
  // its last song ended needn't be so now.
  double FramesPerSecond() const;

  // How long a new request would wait for a place behind everybody, if it needs a whole window. 0
  // where the speed isn't known.
  absl::Duration Delay() const;
  // How long a waiting request has to wait that `ahead` others come before.
  absl::Duration DelayBehind(size_t ahead) const;
  // A bound from below for a request of the client `client_key`: one for the shortest song, with
  // the clients taking turns.
  absl::Duration LeastDelay(absl::string_view client_key) const;

 private:
  // Until a place and `bytes` of memory are free, after the first `ahead` waiting ones have theirs.
  absl::Duration DelayOf(size_t ahead, size_t bytes) const;
  // How long a step of so many requests takes: at least so long, as larger batches make more frames
  // a second, and smaller ones aren't slower.
  double StepSeconds(size_t requests) const;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_LOAD_H_
