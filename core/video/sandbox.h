// Decodes videos in processes of their own, so that a video that makes the decoder crash, hang,
// take memory or run foreign code costs its own request and nothing else.
#ifndef VIDMUSE_VIDEO_SANDBOX_H_
#define VIDMUSE_VIDEO_SANDBOX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/model/video_frames.h"
#include "core/video/decoder_budget.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Each video gets a fresh process of a small program, which has neither the server's memory nor its
// files, sockets or environment. It may compute, within limits of memory and time (confinement.h),
// and write its result to a pipe, where it is checked.
//
// Thread-safe. Each call runs one process, which ends before the call does.
class VideoSandbox {
 public:
  enum class Filter { kRequired, kIfPossible };  // of system calls

  // Runs `program` once to see that it works. UNAVAILABLE: it can't be run, or the kernel has no
  // filter and it is required.
  // All decoders together take no more than `decoders_bytes` of memory (0: DefaultDecoderBudget()):
  // a video waits for its share.
  static absl::StatusOr<std::unique_ptr<VideoSandbox>> Create(std::string program, Filter filter,
                                                              uint64_t decoders_bytes = 0);

  // vidmuse_video_decoder in the folder of the running program.
  static std::string DefaultProgram();

  // Why system calls are not filtered; empty if they are.
  const std::string& unfiltered() const { return unfiltered_; }

  // What SampleVideo (frame_sampler.h) returns, and: INVALID_ARGUMENT: the video made its decoder
  // crash, or need more than limits.max_decoder_bytes (or than all decoders may take).
  // RESOURCE_EXHAUSTED: no memory, descriptors or processes left, or the kernel killed the decoder,
  // which it does where memory is short. INTERNAL: the program can't be run any more.
  absl::StatusOr<VideoFrames> Sample(absl::string_view file, const Limits& limits, int max_seconds,
                                     const CancelFlag& cancel) const;

 private:
  VideoSandbox(std::string program, Filter filter, uint64_t decoders_bytes)
      : program_(std::move(program)), filter_(filter), budget_(decoders_bytes) {}
  absl::Status Probe();

  const std::string program_;
  const Filter filter_;
  mutable DecoderBudget budget_;
  std::string unfiltered_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SANDBOX_H_
