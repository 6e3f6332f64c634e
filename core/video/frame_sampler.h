// Turns a video file in memory into the frames that VidMuse is conditioned on.
#ifndef VIDMUSE_VIDEO_FRAME_SAMPLER_H_
#define VIDMUSE_VIDEO_FRAME_SAMPLER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/video_reader.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Decodes the best video stream of `file` (as av_find_best_stream picks it, but never a cover
// picture) and samples it as the published code does: every ceil(fps / 2)-th frame as a local
// frame, and 32 global frames over the whole video, each resized to 224x224.
//
// `max_seconds` > 0 bounds the length (in whole seconds) and with it the number of local frames;
// the global ones still cover the whole video. The header need not be right: frames are counted,
// and a missing frame rate or duration is worked out from the packets.
//
// In a damaged video, a frame that can't be decoded is replaced by the one before it. A file of
// which less than half can be read or decoded is refused. One that is cut later keeps the length in
// its header, and its last readable frame stands for the rest.
//
// INVALID_ARGUMENT: the file is no video or has no video stream, is shorter than 1 s, is too
// damaged, is over one of `limits` (named, with the value), or takes longer to decode than its size
// and length allow (decode_watch.h). CANCELLED: `cancel` was set. Thread-safe.
absl::StatusOr<VideoFrames> SampleVideo(absl::string_view file, const Limits& limits,
                                        int max_seconds, const CancelFlag& cancel);

// Makes a reader of the same frames, which decodes them part by part. Frames are the same but in a
// video that seems whole in its first part and later proves to have other frames than its packets
// tell: its length isn't judged anew then.
std::unique_ptr<VideoReader> OpenVideo(std::string file, const Limits& limits, int max_seconds);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_SAMPLER_H_
