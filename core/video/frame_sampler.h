// A video file in memory to the frames VidMuse is conditioned on.
#ifndef VIDMUSE_VIDEO_FRAME_SAMPLER_H_
#define VIDMUSE_VIDEO_FRAME_SAMPLER_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/model/video_frames.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Decodes the best video stream of `file` (as av_find_best_stream picks it) and samples it as the
// published code does: local frames every ceil(fps / 2)-th, 32 global ones over the whole video,
// each resized to 224x224.
//
// `max_seconds` > 0 bounds the length (whole seconds) and with it the local frames; the global ones
// still run over the whole video. The file needs no trustworthy header: frames are counted, and a
// missing frame rate or duration is worked out from the packets.
//
// Damage: a frame that doesn't decode is replaced by the one before it. A file of which less than
// half can be read or decoded is refused; one that is cut later keeps the length its header states,
// and its last readable frame stands for the rest.
//
// INVALID_ARGUMENT: not a video, no video stream, shorter than 1 s, damaged beyond use, over one of
// `limits` (named, with the value), or longer to decode than videos of its size and length may take
// (decode_watch.h). CANCELLED: `cancel` was set. Thread-safe.
absl::StatusOr<VideoFrames> SampleVideo(absl::string_view file, const Limits& limits,
                                        int max_seconds, const CancelFlag& cancel);

// Is told, before frames are decoded, how long all of it may take from its beginning.
using TimeLimitCallback = std::function<void(absl::Duration)>;

// The same, with a callback.
absl::StatusOr<VideoFrames> SampleVideoInTime(absl::string_view file, const Limits& limits,
                                              int max_seconds, const CancelFlag& cancel,
                                              const TimeLimitCallback& on_time_limit);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_SAMPLER_H_
