// Selects the wanted frames of a decoded video.
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

// Holds one full-size frame besides the selected ones. Not thread-safe.
class FramePicker {
 public:
  // `wanted` holds indices of frames, ascending and distinct. The converter and the store must
  // outlive the picker.
  FramePicker(std::vector<int64_t> wanted, FrameConverter& converter, DistinctFrames& store);

  // Takes the frame with the given index and leaves `frame` empty. A wanted frame that never comes
  // is replaced by the one before it, or by the first frame if there is none before. Frames whose
  // index isn't above the last one's are ignored.
  absl::Status Offer(int64_t index, AVFrame* frame);

  // Ends the video: the last frame replaces the wanted ones that are left.
  absl::Status Finish();

  // True once all wanted frames have come or been replaced.
  bool done() const { return picked_.size() == wanted_.size(); }
  // Number of wanted frames that came themselves.
  size_t hits() const { return hits_; }
  const std::vector<int64_t>& wanted() const { return wanted_; }
  // Once done, returns the index in the store of the wanted frame `index`.
  int StoredIndex(int64_t index) const;

 private:
  absl::Status Pick(const AVFrame& frame);

  const std::vector<int64_t> wanted_;
  FrameConverter& converter_;
  DistinctFrames& store_;
  std::vector<int> picked_;  // indices in the store, in the order of `wanted_`
  size_t hits_ = 0;
  AvFramePtr previous_;  // empty before the first frame
  int64_t previous_index_ = -1;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_FRAME_PICKER_H_
