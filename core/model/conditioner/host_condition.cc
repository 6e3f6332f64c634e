#include "core/model/conditioner/host_condition.h"

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {

size_t HostCondition::ContinuationBytes(const VideoEncoder& encoder) {
  return encoder.most_global_bytes() + size_t{3} * kFrameSize * kFrameSize;
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> HostCondition::Encode(
    const VideoEncoder& encoder, const VideoFrames& video, const CancelFlag& cancel) {
  const auto frames = static_cast<int>(video.local.size());
  if (frames >= kLocalFrameRate * video.seconds) {
    ASSIGN_OR_RETURN(std::vector<float> rows, encoder.Encode(video, cancel));
    return std::make_shared<const HostCondition>(frames, std::move(rows), nullptr);
  }
  auto global = std::make_shared<GlobalKeysValues>();
  ASSIGN_OR_RETURN(std::vector<float> rows, encoder.Encode(video, cancel, global.get()));
  auto continuation = std::make_shared<const Continuation>(
      Continuation{std::move(global), video.frames[video.local.back()]});
  return std::make_shared<const HostCondition>(frames, std::move(rows), std::move(continuation));
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> HostCondition::EncodeMore(
    const VideoEncoder& encoder, const VideoCondition& condition, int first_frame,
    const VideoFrames& more, const CancelFlag& cancel) try {
  const auto& own = static_cast<const HostCondition&>(condition);
  if (first_frame < 0 || first_frame > own.frames_) {
    return absl::InvalidArgumentError(
        absl::StrCat("local frame ", first_frame, " is outside of ", own.frames_, " frames"));
  }
  if (!more.local.empty() && own.continuation_ == nullptr) {
    return absl::FailedPreconditionError("the condition is of a whole video");
  }
  const size_t frame_rows = size_t{kTokensPerFrame} * encoder.dim();
  const int kept = own.frames_ - first_frame;
  const int frames = kept + static_cast<int>(more.local.size());
  std::vector<float> rows(frame_rows * frames);
  std::copy(own.rows_.begin() + static_cast<int64_t>(frame_rows) * first_frame, own.rows_.end(),
            rows.begin());
  if (more.local.empty()) {
    return std::make_shared<const HostCondition>(frames, std::move(rows), own.continuation_);
  }
  // Frames at the start that equal the last one before them aren't encoded again.
  size_t same = 0;
  const std::vector<uint8_t>& last = own.continuation_->last_frame;
  while (same < more.local.size() && more.frames[more.local[same]] == last) ++same;
  float* next = rows.data() + frame_rows * kept;
  for (size_t i = 0; i < same; ++i) {
    next = std::copy_n(own.rows(own.frames_ - 1), frame_rows, next);
  }
  const std::vector<int> fresh(more.local.begin() + static_cast<int64_t>(same), more.local.end());
  RETURN_IF_ERROR(encoder.EncodeMore(*own.continuation_->global, more.frames, fresh, cancel, next));
  auto continuation = std::make_shared<const Continuation>(
      Continuation{own.continuation_->global, more.frames[more.local.back()]});
  return std::make_shared<const HostCondition>(frames, std::move(rows), std::move(continuation));
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(
      absl::StrCat("out of memory for the condition of ", more.local.size(), " local frames"));
}

}  // namespace vidmuse
