// Ends the decoding of one video when nobody wants it any more or it takes too long.
#ifndef VIDMUSE_VIDEO_DECODE_WATCH_H_
#define VIDMUSE_VIDEO_DECODE_WATCH_H_

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "vidmuse/types.h"

namespace vidmuse {

// The longest that any video may take: 1 minute and twice the longest video.
absl::Duration DecodeTimeLimit(const Limits& limits);
// The longest until its length and size are known: 10 s, and 1 s for every 8 MiB of file.
absl::Duration ReadTimeLimit(uint64_t bytes, const Limits& limits);
// The longest for a video of `seconds` in which `pixels` are decoded in all: 10 s, and for every
// second of it the time that a slow decoder takes, but no less than half a second and no more than
// 8 s. 0 pixels: unknown.
absl::Duration VideoTimeLimit(double seconds, double pixels, const Limits& limits);

// Not thread-safe while the limit is set.
class DecodeWatch {
 public:
  // `cancel` outlives the watch.
  DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit);

  // Counts from the watch's construction, as the one given there.
  void SetTimeLimit(absl::Duration time_limit) { time_limit_ = time_limit; }

  // CANCELLED, or INVALID_ARGUMENT when the time is up. Cheap: called for every packet and read.
  absl::Status Check() const;

  // Till the time is up; not below zero.
  absl::Duration left() const;
  std::stop_token cancel_token() const { return cancel_.token(); }

 private:
  const CancelFlag& cancel_;
  absl::Duration time_limit_;
  const absl::Duration start_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODE_WATCH_H_
