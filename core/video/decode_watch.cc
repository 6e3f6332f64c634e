#include "core/video/decode_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"

namespace vidmuse {

absl::Duration DecodeTimeLimit(const Limits& limits) {
  return absl::Minutes(1) + 2 * absl::Seconds(limits.max_video_seconds);
}

DecodeWatch::DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit)
    : cancel_(cancel), time_limit_(time_limit), start_(Clock::Real()->Monotonic()) {}

absl::Status DecodeWatch::Check() const {
  if (cancel_.cancelled()) return absl::CancelledError("cancelled while the video was decoded");
  if (Clock::Real()->Monotonic() - start_ > time_limit_) {
    return absl::InvalidArgumentError(absl::StrCat("the video takes more than ",
                                                   absl::FormatDuration(time_limit_),
                                                   " to decode, which is the limit"));
  }
  return absl::OkStatus();
}

absl::Duration DecodeWatch::left() const {
  return std::max(time_limit_ - (Clock::Real()->Monotonic() - start_), absl::ZeroDuration());
}

}  // namespace vidmuse
