// VidMuse's conditioner: frames of a video to the token model's cross-attention source.
//
// CLIP ViT-B/32 of each frame, a local and a global temporal transformer, cross-attention from the
// local to the global frames, and a projection to the token model's width (Long-Short-Term
// modelling in "VidMuse: A Simple Video-to-Music Generation Framework with Long-Short-Term
// Modeling", CVPR 2025). No Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_VIDEO_ENCODER_H_
#define VIDMUSE_MODEL_TORCH_VIDEO_ENCODER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/torch/chunk_pool.h"
#include "core/model/torch/video_networks.h"
#include "core/model/video_frames.h"
#include "core/model/weights/weight_reader.h"

namespace vidmuse {

// Parts of the names of a checkpoint's tensors that no part of inference reads: a T5 conditioner's
// leftovers and CLIP's unused outputs. For WeightReader::CheckAllUsed.
std::vector<std::string> UnusedVideoTensors();

// Immutable after Load, thread-safe. Torch runs on one thread per call: Load sets that for the
// process.
class VideoEncoder {
 public:
  // `threads` >= 1: how many chunks of frames are computed at once, over all calls of Encode.
  // Errors name the tensor. RESOURCE_EXHAUSTED: out of memory.
  static absl::StatusOr<std::unique_ptr<VideoEncoder>> Load(
      const LmConfig& config, WeightReader& weights, int threads,
      VideoPrecision precision = VideoPrecision::kFp32);
  // Over networks that are loaded; `dim`: width of what they make.
  static absl::StatusOr<std::unique_ptr<VideoEncoder>> Create(
      std::unique_ptr<const VideoNetworks> networks, int dim, int threads);

  // The condition of every local frame, row-major [local frames * 50][dim]. A frame's rows are a
  // function of that frame and of the global frames, bit for bit: not of the other local frames, of
  // `threads` or of other calls. Frames that are equal are computed once.
  //
  // INVALID_ARGUMENT: no local frame, not 32 global ones, a frame that isn't 3 x 224 x 224, an
  // index outside `frames`. CANCELLED: within one chunk's time (4 frames) after `cancel`.
  // RESOURCE_EXHAUSTED: out of memory.
  absl::StatusOr<std::vector<float>> Encode(const VideoFrames& video,
                                            const CancelFlag& cancel) const;

  // The condition of a frame of a video that is black throughout, [50][dim]: the same for every
  // frame.
  const std::vector<float>& null_condition() const { return null_condition_; }

  int tokens_per_frame() const { return kTokensPerFrame; }
  int dim() const { return dim_; }

 private:
  // What CLIP made of a frame, by index in VideoFrames.frames; empty where it isn't kept.
  using States = std::vector<std::vector<float>>;

  VideoEncoder(std::unique_ptr<const VideoNetworks> networks, int dim, int threads);

  // Keeps the states of those global frames that are local too.
  absl::StatusOr<std::unique_ptr<const GlobalContext>> EncodeGlobal(const VideoFrames& video,
                                                                    const CancelFlag& cancel,
                                                                    States* states) const;
  absl::Status EncodeLocal(const VideoFrames& video, const GlobalContext& context,
                           const States& states, const CancelFlag& cancel, float* rows) const;

  const std::unique_ptr<const VideoNetworks> networks_;
  const std::unique_ptr<ChunkPool> pool_;
  const int dim_;
  std::vector<float> null_condition_;  // constant after Load
};

// The token model's sinusoidal embedding of sequence steps 0 .. positions - 1, row-major
// [positions][dim], in float32 as audiocraft computes it: cat(cos(p), sin(p)),
// p = step / 10000^(i / (dim/2 - 1)). `dim` is even and at least 4. Throws
// std::bad_alloc alone.
std::vector<float> SinusoidalPositions(int positions, int dim);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_VIDEO_ENCODER_H_
