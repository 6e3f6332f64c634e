#include "client/resume_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// Minimum number of attempts in a search, because one address may stand for many servers.
constexpr int kMinSearch = 8;
// Limited, because each restart may throw away minutes of work.
constexpr int kMaxRestarts = 3;

}  // namespace

void ResumePlan::OnStarted() {
  mode_ = ResumeMode::kExact;
  attempts_ = 0;
}

absl::Status ResumePlan::CountAttempt(const StreamState& state) {
  if (++attempts_ < std::max(kMinSearch, 2 * options_.addresses)) return absl::OkStatus();
  return Settle(state);
}

absl::Status ResumePlan::OnOtherFingerprint(const StreamState& state) {
  return CountAttempt(state);
}

absl::Status ResumePlan::OnFailure(const StreamState& state) {
  if (mode_ != ResumeMode::kExact) return absl::OkStatus();
  if (searching()) return CountAttempt(state);
  // An older server sends no fingerprint, so no server is known to make the same bytes.
  const bool unknown = state.HasNew() && state.required_fingerprint().empty();
  return unknown && !state.CanSplice() ? Settle(state) : absl::OkStatus();
}

absl::Status ResumePlan::Settle(const StreamState& state) {
  attempts_ = 0;
  if (!options_.exact_only && options_.can_restart && restarts_ < kMaxRestarts) {
    ++restarts_;
    mode_ = ResumeMode::kRestart;
    return absl::OkStatus();
  }
  if (!options_.exact_only && !options_.can_restart && state.CanSplice()) {
    mode_ = ResumeMode::kSplice;
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the stream broke after ", state.received_bytes(),
      " bytes, and no server was found that is "
      "known to make the same bytes as the one that went away: the song has to start over"));
}

}  // namespace vidmuse
