#include "core/video/frame_sampler.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/video_sampling.h"

namespace vidmuse {

absl::StatusOr<VideoFrames> SampleVideo(absl::string_view file, const Limits& limits,
                                        int max_seconds, const CancelFlag& cancel) {
  InitFfmpeg();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoSampling> sampling,
                   VideoSampling::Read(file, limits, max_seconds, cancel));
  return sampling->Decode();
}

}  // namespace vidmuse
