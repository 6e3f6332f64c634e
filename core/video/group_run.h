// Decodes a video's groups of frames in several processes side by side.
#ifndef VIDMUSE_VIDEO_GROUP_RUN_H_
#define VIDMUSE_VIDEO_GROUP_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/base/mutex.h"
#include "core/base/unique_fd.h"
#include "core/video/answer_reader.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_budget.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// A part of a video. Its processes take the next group as soon as they are done with one. Run is
// called once.
class GroupRun {
 public:
  // `request` is the memory file that all processes read. Together they take no more memory than
  // limits.max_decoder_bytes. All arguments must outlive the run.
  // Takes the pixels that `split` has.
  GroupRun(const std::string& program, const UniqueFd& request, SplitVideo& split,
           const FramePart& part, const Limits& limits, CoreBudget& cores);

  // Planes [3, 224, 224] by position.
  using Frames = std::vector<std::vector<uint8_t>>;
  // Uses the caller's core and idle ones, until `watch` ends it. Returns nothing if any process
  // failed, was unsure or broke the protocol, or if all of them together needed more processor time
  // than half of the watch's time limit, so that the other half is left for decoding in order.
  // Errors are the watch's, and those of a shortage.
  absl::StatusOr<std::optional<Frames>> Run(const DecodeWatch& watch);

 private:
  // What the processes have in common.
  struct Setting {
    GroupClaims* claims = nullptr;  // which the processes may overwrite at any time
    int claims_file = -1;
    absl::Duration time_left;
    // Of each process:
    uint64_t memory_bytes = 0;
    int64_t processor_seconds = 0;
  };

  int MostProcesses(int64_t processor_seconds) const;
  // Runs one process to its end. Anything but success ends the others.
  void RunProcess(int number, const Setting& setting);
  absl::Status ReadFrames(int number, const Setting& setting);
  // Returns an error if there is no such frame or it has come before.
  absl::Status Keep(uint32_t position, std::vector<uint8_t> pixels);

  const std::string& program_;
  const UniqueFd& request_;
  const SplitVideo& split_;
  const FramePart part_;
  const Limits& limits_;
  CoreBudget& cores_;
  CancelFlag stop_;  // ends all processes
  Mutex mutex_;
  Frames pixels_ ABSL_GUARDED_BY(mutex_);
  int missing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_GROUP_RUN_H_
