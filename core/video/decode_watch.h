// Ends the decoding of one video when nobody wants it any more or it takes too long.
#ifndef VIDMUSE_VIDEO_DECODE_WATCH_H_
#define VIDMUSE_VIDEO_DECODE_WATCH_H_

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "vidmuse/types.h"

namespace vidmuse {

// The longest that a video may take: 1 minute and twice the longest video.
absl::Duration DecodeTimeLimit(const Limits& limits);

class DecodeWatch {
 public:
  // `cancel` outlives the watch.
  DecodeWatch(const CancelFlag& cancel, absl::Duration time_limit);

  // CANCELLED, or INVALID_ARGUMENT when the time is up. Cheap: called for every packet and read.
  absl::Status Check() const;

  // Till the time is up; not below zero.
  absl::Duration left() const;
  std::stop_token cancel_token() const { return cancel_.token(); }

 private:
  const CancelFlag& cancel_;
  const absl::Duration time_limit_;
  const absl::Duration start_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODE_WATCH_H_
