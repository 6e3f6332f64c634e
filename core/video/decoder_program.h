// The program that decodes one video, isolated from everything else (see sandbox.h).
#ifndef VIDMUSE_VIDEO_DECODER_PROGRAM_H_
#define VIDMUSE_VIDEO_DECODER_PROGRAM_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/frame_sampler.h"
#include "vidmuse/limits.h"

namespace vidmuse {

using SampleFunction = absl::StatusOr<VideoFrames> (*)(absl::string_view file, const Limits& limits,
                                                       int max_seconds, const CancelFlag& cancel,
                                                       const TimeLimitCallback& on_time_limit);

// The program's main(). Reads the request at kRequestFd, confines the process, writes the result of
// `sample` to kAnswerFd, and ends the process.
[[noreturn]] void RunDecoderProgram(SampleFunction sample);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_PROGRAM_H_
