// A video file in memory to the frames VidMuse is conditioned on.
#ifndef VIDMUSE_VIDEO_FRAME_SAMPLER_H_
#define VIDMUSE_VIDEO_FRAME_SAMPLER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/model/video_frames.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Decodes the first video stream of `file` and samples it as the published code does: local frames
// every ceil(fps / 2)-th, 32 global ones over the whole video, each resized to 224x224.
//
// `max_seconds` > 0 bounds the length (whole seconds). The file needs no trustworthy header: frames are
// counted, and a missing frame rate or duration is worked out from the packets.
//
// INVALID_ARGUMENT: not a video, no video stream, shorter than 1 s, damaged beyond use, over one of
// `limits` (named, with the value). CANCELLED: `cancel` was set. Thread-safe.
absl::StatusOr<VideoFrames> SampleVideo(absl::string_view file, const Limits& limits, int max_seconds,
                                        const CancelFlag& cancel);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_SAMPLER_H_
