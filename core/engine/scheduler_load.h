// A snapshot of a scheduler's requests, and estimates of how long a new request would wait there.
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
  size_t kv_bytes = 0;  // KV cache that it has reserved, or needs in order to be placed
  // Set in the queue only (see WaitingQueue).
  size_t client = 0;  // hash of the client's key
  size_t ring = 0;    // the client's place in the ring
  size_t turn = 0;    // how many requests of the same client come before it
};

// The speed at which a device has made frames lately.
struct StepSpeed {
  double step_seconds = 0;  // average time of a step; 0: not known
  double batch = 0;         // average number of requests that had a frame drawn in a step
  absl::Duration measured;  // Clock::Monotonic() of the last step

  // Takes in a step of `seconds` > 0, which drew a frame for `drawn` > 0 requests. After a long
  // pause, the average starts anew.
  void Observe(absl::Duration now, double seconds, int drawn);
  // Whether the measurement is recent enough to predict the next step.
  bool IsFresh(absl::Duration now) const;
};

// Plain data without synchronization.
struct SchedulerLoad {
  absl::Duration now;             // Clock::Monotonic() of the snapshot
  absl::Status device;            // why the device can't be used, or OK
  int max_batch = 0;              // places in the batch
  size_t max_kv_bytes = 0;        // KV cache for all windows together
  size_t kv_bytes = 0;            // reserved part of it
  size_t full_window_bytes = 0;   // KV cache of a song that fills at least one window
  size_t least_window_bytes = 0;  // KV cache of the shortest song
  std::vector<SongLoad> running;  // requests in the batch
  std::vector<SongLoad> waiting;  // requests in the queue, in the order of their placement
  StepSpeed speed;

  // Puts a request into `waiting`, behind the others of its client.
  void AddWaiting(int64_t frames, size_t kv_bytes, absl::string_view client_key);

  // Frames still to be made for all running and waiting requests.
  int64_t backlog_frames() const;
  // Frames made per second lately, for all requests together. 0 if that isn't known: before the
  // first step, a minute after the last one, and while no request is there, since a device that was
  // slow when its last song ended needn't be slow now.
  double FramesPerSecond() const;

  // All delays are estimates, and 0 if the speed isn't known.

  // How long a new request that needs a full window would wait for a place behind all others.
  absl::Duration Delay() const;
  // How long a waiting request with `ahead` others before it has to wait for its place.
  absl::Duration DelayBehind(size_t ahead) const;
  // A lower bound for a new request of the client `client_key`: the delay of the shortest song,
  // with the clients taking turns.
  absl::Duration LeastDelay(absl::string_view client_key) const;

 private:
  // Time until a place and `bytes` of KV cache are free, once the first `ahead` waiting requests
  // have theirs.
  absl::Duration DelayOf(size_t ahead, size_t bytes) const;
  // A lower bound for the time of a step of `requests` requests: a larger batch than the measured
  // one is taken to be as fast, and a smaller one to be faster in proportion.
  double StepSeconds(size_t requests) const;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_LOAD_H_
