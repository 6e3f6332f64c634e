// The clock of a stream that is heard while it is made.
#ifndef VIDMUSE_ENGINE_PLAYBACK_H_
#define VIDMUSE_ENGINE_PLAYBACK_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Follows a player that begins with the first audio it gets, plays in real time, and stops while it
// has nothing to play. Nobody can hear what was not delivered, so a reader that takes nothing
// doesn't make its stream urgent. Times are Clock::Monotonic(). Thread-safe.
class Playback {
 public:
  // To be called when audio was delivered: `length` of it, which ends at `end` from the start of
  // the song. Returns how much the player had left to play then. It is negative if the player had
  // stopped, by how long, and not set if this is the first audio.
  std::optional<absl::Duration> Deliver(absl::Duration now, absl::Duration length,
                                        absl::Duration end);

  // How far the song, of which the first `made` are made, is ahead of what is heard at `now`. Not
  // set before any audio was delivered.
  std::optional<absl::Duration> Lead(absl::Duration now, absl::Duration made) const;

 private:
  mutable Mutex mutex_;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration delivered_ ABSL_GUARDED_BY(mutex_);    // from the start of the song
  absl::Duration plays_until_ ABSL_GUARDED_BY(mutex_);  // when all that was delivered is heard
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_PLAYBACK_H_
