#include "core/video/frame_sampler.h"

#include <cstdint>
#include <memory>
#include <string>
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
                   VideoSampling::Read(file, limits, max_seconds, FramePart(), cancel));
  return sampling->Decode();
}

std::unique_ptr<VideoReader> OpenVideo(std::string file, const Limits& limits, int max_seconds) {
  InitFfmpeg();
  const uint64_t bytes = file.size();
  const auto shared = std::make_shared<const std::string>(std::move(file));
  return std::make_unique<VideoReader>(
      [shared, limits, max_seconds](const FramePart& part,
                                    const CancelFlag& cancel) -> absl::StatusOr<VideoFrames> {
        ASSIGN_OR_RETURN(const std::unique_ptr<VideoSampling> sampling,
                         VideoSampling::Read(*shared, limits, max_seconds, part, cancel));
        return sampling->Decode();
      },
      bytes);
}

}  // namespace vidmuse
