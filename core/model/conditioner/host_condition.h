// A condition in the host's memory, which every backend uses.
#ifndef VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_
#define VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "core/model/architecture/video_frames.h"
#include "core/model/music_model.h"

namespace vidmuse {

class HostCondition final : public VideoCondition {
 public:
  // `rows`: [frames * 50][dim].
  HostCondition(int frames, std::vector<float> rows) : frames_(frames), rows_(std::move(rows)) {}

  // Predicts bytes() of a condition with this many local frames.
  static size_t Bytes(int frames, int dim) {
    return size_t{1} * frames * kTokensPerFrame * dim * sizeof(float);
  }

  int local_frames() const override { return frames_; }
  size_t bytes() const override { return rows_.size() * sizeof(float); }
  // The rows of local frame `frame` and those after it.
  const float* rows(int frame) const { return rows_.data() + rows_.size() / frames_ * frame; }

 private:
  const int frames_;
  const std::vector<float> rows_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_HOST_CONDITION_H_
