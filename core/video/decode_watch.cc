#include "core/video/decode_watch.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// Not vidmuse::Clock: in the confined decoder program, UndefinedBehaviorSanitizer can't check
// virtual calls.
absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

absl::Duration DecodeTimeLimit(const Limits& limits) {
  return absl::Minutes(1) + 2 * absl::Seconds(limits.max_video_seconds);
}

DecodeWatch::DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit)
    : cancel_(cancel), time_limit_(time_limit), start_(Now()) {}

absl::Status DecodeWatch::Check() const {
  if (cancel_.cancelled()) return absl::CancelledError("cancelled while the video was decoded");
  if (Now() - start_ > time_limit_) {
    return absl::InvalidArgumentError(absl::StrCat("the video takes more than ",
                                                   absl::FormatDuration(time_limit_),
                                                   " to decode, which is the limit"));
  }
  return absl::OkStatus();
}

absl::Duration DecodeWatch::left() const {
  return std::max(time_limit_ - (Now() - start_), absl::ZeroDuration());
}

}  // namespace vidmuse
