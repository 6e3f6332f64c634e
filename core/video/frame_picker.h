// Takes the wanted frames out of a decoded video.
#ifndef VIDMUSE_VIDEO_FRAME_PICKER_H_
#define VIDMUSE_VIDEO_FRAME_PICKER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/video/distinct_frames.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_converter.h"

struct AVFrame;

namespace vidmuse {

// Holds one full-size frame besides the picked ones. Not thread-safe.
class FramePicker {
 public:
  // `wanted`: indices of frames, ascending, distinct. The converter and the store outlive the
  // picker.
  FramePicker(std::vector<int64_t> wanted, FrameConverter& converter, DistinctFrames& store);

  // Takes the frame with that index, leaving `frame` empty. A wanted frame that never comes is
  // replaced by the one before it (the first ones by the one after). Frames out of order are
  // dropped.
  absl::Status Offer(int64_t index, AVFrame* frame);

  // The video ended: the last frame stands for the wanted ones that are left.
  absl::Status Finish();

  // All wanted frames have come or been replaced.
  bool done() const { return picked_.size() == wanted_.size(); }
  // Wanted frames that came themselves.
  size_t hits() const { return hits_; }
  const std::vector<int64_t>& wanted() const { return wanted_; }
  // Once done: the index in the store of the wanted frame `index`.
  int StoredIndex(int64_t index) const;

 private:
  absl::Status Pick(const AVFrame& frame);

  const std::vector<int64_t> wanted_;
  FrameConverter& converter_;
  DistinctFrames& store_;
  std::vector<int> picked_;  // of `wanted_`, in its order
  size_t hits_ = 0;
  AvFramePtr previous_;  // empty before the first frame
  int64_t previous_index_ = -1;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_PICKER_H_
