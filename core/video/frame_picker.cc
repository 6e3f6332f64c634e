#include "core/video/frame_picker.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"

extern "C" {
#include <libavutil/frame.h>
}

namespace vidmuse {

FramePicker::FramePicker(std::vector<int64_t> wanted, FrameConverter& converter,
                         DistinctFrames& store)
    : wanted_(std::move(wanted)), converter_(converter), store_(store), previous_(NewFrame()) {}

absl::Status FramePicker::Offer(int64_t index, AVFrame* frame) {
  if (index <= previous_index_) return absl::OkStatus();
  const AVFrame& stand_in = previous_index_ < 0 ? *frame : *previous_;
  while (!done() && wanted_[picked_.size()] < index) RETURN_IF_ERROR(Pick(stand_in));
  if (!done() && wanted_[picked_.size()] == index) {
    RETURN_IF_ERROR(Pick(*frame));
    ++hits_;
  }
  av_frame_unref(previous_.get());
  av_frame_move_ref(previous_.get(), frame);
  previous_index_ = index;
  return absl::OkStatus();
}

absl::Status FramePicker::Finish() {
  if (previous_index_ < 0) {
    return absl::InvalidArgumentError("none of the video's frames can be decoded");
  }
  while (!done()) RETURN_IF_ERROR(Pick(*previous_));
  return absl::OkStatus();
}

int FramePicker::StoredIndex(int64_t index) const {
  const auto it = std::lower_bound(wanted_.begin(), wanted_.end(), index);
  return picked_[static_cast<size_t>(it - wanted_.begin())];
}

absl::Status FramePicker::Pick(const AVFrame& frame) {
  ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, converter_.Convert(frame));
  picked_.push_back(store_.Add(std::move(pixels)));
  return absl::OkStatus();
}

}  // namespace vidmuse
