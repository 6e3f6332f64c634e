#include "core/video/decode_watch.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kTimeToStart = absl::Seconds(10);

// Rounds for error messages.
absl::Duration Rounded(absl::Duration limit) { return absl::Floor(limit, absl::Milliseconds(100)); }

// Doesn't use vidmuse::Clock, since UndefinedBehaviorSanitizer can't check virtual calls in the
// confined decoder program.
absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

absl::Duration DecodeTimeLimit(const Limits& limits) {
  return absl::Minutes(1) + 2 * absl::Seconds(limits.max_video_seconds);
}

absl::Duration ReadTimeLimit(uint64_t bytes, const Limits& limits) {
  constexpr double kBytesPerSecond = 8 << 20;
  const absl::Duration limit =
      kTimeToStart + absl::Seconds(static_cast<double>(bytes) / kBytesPerSecond);
  return std::min(Rounded(limit), DecodeTimeLimit(limits));
}

absl::Duration VideoTimeLimit(double seconds, double pixels, const Limits& limits) {
  constexpr double kPixelsPerSecond = 25e6;
  constexpr double kLeast = 0.5;
  constexpr double kMost = 8;
  const double slowness =
      pixels > 0 ? std::clamp(pixels / seconds / kPixelsPerSecond, kLeast, kMost) : kMost;
  return std::min(Rounded(kTimeToStart + absl::Seconds(seconds * slowness)),
                  DecodeTimeLimit(limits));
}

DecodeWatch::DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit,
                         absl::string_view subject, absl::Duration spent)
    : cancel_(cancel), time_limit_(time_limit), subject_(subject), start_(Now() - spent) {}

absl::Status DecodeWatch::Check() const {
  if (cancel_.cancelled())
    return absl::CancelledError(absl::StrCat("cancelled while ", subject_, " was decoded"));
  if (spent() > time_limit_) {
    return absl::InvalidArgumentError(absl::StrCat(subject_, " takes more than ",
                                                   absl::FormatDuration(time_limit_),
                                                   " to decode, which is the limit"));
  }
  return absl::OkStatus();
}

absl::Duration DecodeWatch::spent() const { return Now() - start_; }

absl::Duration DecodeWatch::left() const {
  return std::max(time_limit_ - spent(), absl::ZeroDuration());
}

}  // namespace vidmuse
