// Ends the decoding of a file that is no longer wanted or takes too long.
#ifndef VIDMUSE_VIDEO_DECODE_WATCH_H_
#define VIDMUSE_VIDEO_DECODE_WATCH_H_

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Upper bound for any video: 1 minute plus twice max_video_seconds.
absl::Duration DecodeTimeLimit(const Limits& limits);
// Time limit until the length and size of the video are known: 10 s, plus 1 s for every 8 MiB of
// the file, but no more than DecodeTimeLimit.
absl::Duration ReadTimeLimit(uint64_t bytes, const Limits& limits);
// Time limit for a video of `seconds` with `pixels` in all its frames together. It is 10 s,
// plus 1 s per 25 million pixels (a slow decoder's speed) within 0.5 to 8 s per second of video
// (8 s if `pixels` is 0: unknown), and at most DecodeTimeLimit in all.
absl::Duration VideoTimeLimit(double seconds, double pixels, const Limits& limits);

// What errors call the file that is decoded.
inline constexpr absl::string_view kVideoSubject = "the video";
inline constexpr absl::string_view kSoundSubject = "prompt_audio";
inline constexpr absl::string_view kWholeSoundSubject = "the sound";

// Const functions are thread-safe, but not while SetTimeLimit runs.
class DecodeWatch {
 public:
  // `cancel` and `subject` must outlive the watch. `spent`: how long the file was decoded before.
  DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit,
              absl::Duration spent = absl::ZeroDuration(),
              absl::string_view subject = kVideoSubject);

  absl::string_view subject() const { return subject_; }

  // The time limit counts from the watch's construction, less what was spent before.
  void SetTimeLimit(absl::Duration time_limit) { time_limit_ = time_limit; }

  absl::Duration time_limit() const { return time_limit_; }

  // Returns CANCELLED, or INVALID_ARGUMENT when the time is up. Cheap, since it is called for every
  // packet and read.
  absl::Status Check() const;

  // Time since the watch's construction, and what was spent before.
  absl::Duration spent() const;
  // Time until the limit, at least zero.
  absl::Duration left() const;
  std::stop_token cancel_token() const { return cancel_.token(); }

 private:
  const CancelFlag& cancel_;
  absl::Duration time_limit_;
  const absl::string_view subject_;
  const absl::Duration start_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODE_WATCH_H_
