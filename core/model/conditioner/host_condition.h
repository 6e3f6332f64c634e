// A condition in the host's memory, which every backend uses.
#ifndef VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_
#define VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/conditioner/video_encoder.h"
#include "core/model/music_model.h"

namespace vidmuse {

class HostCondition final : public VideoCondition {
 public:
  // What is kept of a stretch of a video besides its rows, so that it can be continued.
  struct Continuation {
    std::shared_ptr<const GlobalKeysValues> global;
    std::vector<uint8_t> last_frame;  // pixels of the last local frame, which more ones may equal

    size_t bytes() const { return global->bytes() + last_frame.size(); }
  };

  // `rows`: [frames * 50][dim]. `continuation` is null if nothing more is to come.
  HostCondition(int frames, std::vector<float> rows,
                std::shared_ptr<const Continuation> continuation)
      : frames_(frames), rows_(std::move(rows)), continuation_(std::move(continuation)) {}

  // MusicModel::EncodeVideo and EncodeMore.
  static absl::StatusOr<std::shared_ptr<const VideoCondition>> Encode(const VideoEncoder& encoder,
                                                                      const VideoFrames& video,
                                                                      const CancelFlag& cancel);
  static absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(
      const VideoEncoder& encoder, const VideoCondition& condition, int first_frame,
      const VideoFrames& more, const CancelFlag& cancel);

  // MusicModel::ConditionBytes and ContinuationBytes.
  static size_t Bytes(int frames, int dim) {
    return size_t{1} * frames * kTokensPerFrame * dim * sizeof(float);
  }
  static size_t ContinuationBytes(const VideoEncoder& encoder);

  int local_frames() const override { return frames_; }
  size_t bytes() const override {
    return rows_.size() * sizeof(float) + (continuation_ == nullptr ? 0 : continuation_->bytes());
  }
  // The rows of local frame `frame` and those after it.
  const float* rows(int frame) const { return rows_.data() + rows_.size() / frames_ * frame; }

 private:
  const int frames_;
  const std::vector<float> rows_;
  const std::shared_ptr<const Continuation> continuation_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_
