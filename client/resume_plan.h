// How a broken song goes on, when servers differ.
#ifndef VIDMUSE_CLIENT_RESUME_PLAN_H_
#define VIDMUSE_CLIENT_RESUME_PLAN_H_

#include "absl/status/status.h"
#include "client/stream_state.h"

namespace vidmuse {

// First looks for a server with the fingerprint of the one that went away, for a bounded number of
// attempts; then settles for another one, if the stream or its reader allows that.
class ResumePlan {
 public:
  struct Options {
    int addresses = 1;
    bool exact_only = false;  // the caller has said which fingerprint the servers must have
    bool can_restart = false;
  };

  explicit ResumePlan(const Options& options) : options_(options) {}

  // Of the next attempt.
  ResumeMode mode() const { return mode_; }
  // Whether a server with another fingerprint was met since the last `started`.
  bool searching() const { return attempts_ > 0; }

  // A server goes on with the song, or begins it.
  void OnStarted();
  // A server has another fingerprint than `state` requires. FAILED_PRECONDITION: no attempt may
  // follow.
  absl::Status OnOtherFingerprint(const StreamState& state);
  // An attempt failed otherwise, and is about to be tried again. FAILED_PRECONDITION as above.
  absl::Status OnFailure(const StreamState& state);
  // Gives up the search. FAILED_PRECONDITION as above.
  absl::Status Settle(const StreamState& state);

 private:
  absl::Status CountAttempt(const StreamState& state);

  const Options options_;
  ResumeMode mode_ = ResumeMode::kExact;
  int attempts_ = 0;  // from the first other fingerprint on
  int restarts_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RESUME_PLAN_H_
