// Decides how a broken song is resumed when servers differ.
#ifndef VIDMUSE_CLIENT_RESUME_PLAN_H_
#define VIDMUSE_CLIENT_RESUME_PLAN_H_

#include "absl/status/status.h"
#include "client/stream_state.h"

namespace vidmuse {

// First looks for a server with the fingerprint of the one that failed, for a bounded number of
// attempts. Then settles for another server, if the sink can restart or the stream can be spliced.
// Not thread-safe.
class ResumePlan {
 public:
  struct Options {
    int addresses = 1;
    bool exact_only = false;  // the caller requires a fingerprint, so never settle for another
    bool can_restart = false;
  };

  explicit ResumePlan(const Options& options) : options_(options) {}

  // The mode of the next attempt.
  ResumeMode mode() const { return mode_; }
  // Returns whether a server with another fingerprint was met since the last `started`.
  bool searching() const { return attempts_ > 0; }

  // To be called when a server has begun or resumed the song.
  void OnStarted();
  // To be called when a server's fingerprint is not the one that `state` requires. Fails with
  // FAILED_PRECONDITION if no further attempt may follow.
  absl::Status OnOtherFingerprint(const StreamState& state);
  // To be called when an attempt failed for another reason and will be retried. Fails with
  // FAILED_PRECONDITION if no further attempt may follow.
  absl::Status OnFailure(const StreamState& state);
  // Gives up the search and chooses kRestart or kSplice. Fails with FAILED_PRECONDITION if neither
  // is possible.
  absl::Status Settle(const StreamState& state);

 private:
  absl::Status CountAttempt(const StreamState& state);

  const Options options_;
  ResumeMode mode_ = ResumeMode::kExact;
  int attempts_ = 0;  // counted from the first other fingerprint on
  int restarts_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RESUME_PLAN_H_
