// VidMuse's conditioner: it turns a video's frames into the token model's cross-attention source.
//
// It applies CLIP ViT-B/32 to each frame, a local and a global temporal transformer,
// cross-attention from the local to the global frames, and a projection to the token model's width
// (Long-Short-Term modelling in "VidMuse: A Simple Video-to-Music Generation Framework with
// Long-Short-Term Modeling", CVPR 2025). This header needs no Torch.
#ifndef VIDMUSE_MODEL_CONDITIONER_VIDEO_ENCODER_H_
#define VIDMUSE_MODEL_CONDITIONER_VIDEO_ENCODER_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/conditioner/chunk_pool.h"
#include "core/model/conditioner/video_networks.h"

namespace vidmuse {

// Keys and values of a video's global frames in the host's memory.
struct GlobalKeysValues {
  std::vector<std::vector<float>> distinct;  // [50][2][width], once for equal frames
  std::array<int, kGlobalFrames> frames{};   // indices into `distinct`

  size_t bytes() const;
};

// Immutable after Load and thread-safe. Each call of Torch runs on one thread; Load makes that
// setting for the process.
class VideoEncoder {
 public:
  // `threads` >= 1 is the number of chunks of frames that are computed at once, over all Encode
  // calls. Errors name the tensor. RESOURCE_EXHAUSTED: out of memory.
  static absl::StatusOr<std::unique_ptr<VideoEncoder>> Load(
      const LmConfig& config, WeightReader& weights, int threads,
      VideoPrecision precision = VideoPrecision::kFp32);
  // Makes an encoder of loaded networks. `dim` is the width of their result.
  static absl::StatusOr<std::unique_ptr<VideoEncoder>> Create(
      std::unique_ptr<const VideoNetworks> networks, int dim, int threads);

  // Computes the condition of every local frame, row-major [local frames * 50][dim]. A frame's rows
  // depend, bit for bit, only on that frame and the global frames, not on the other local frames,
  // `threads` or other calls. Equal frames are computed once.
  //
  // INVALID_ARGUMENT: there is no local frame, there aren't 32 global ones, a frame isn't
  // 3 x 224 x 224, or an index is outside `frames`. CANCELLED: `cancel` was set; returned within
  // the time of one chunk (4 frames). RESOURCE_EXHAUSTED: out of memory.
  //
  // `global`, if it isn't null, receives what EncodeMore needs.
  absl::StatusOr<std::vector<float>> Encode(const VideoFrames& video, const CancelFlag& cancel,
                                            GlobalKeysValues* global = nullptr) const;

  // Computes the condition of more local frames of the same video, into `rows`. `local` holds
  // indices into `frames`. The bits and the errors are those of Encode.
  absl::Status EncodeMore(const GlobalKeysValues& global,
                          absl::Span<const std::vector<uint8_t>> frames,
                          const std::vector<int>& local, const CancelFlag& cancel,
                          float* rows) const;

  // The most that GlobalKeysValues::bytes() can be.
  size_t most_global_bytes() const {
    return sizeof(float) * kGlobalFrames * networks_->key_value_floats();
  }

  // The condition of one frame of a black video, [50][dim]. All its frames have the same one.
  const std::vector<float>& null_condition() const { return null_condition_; }

  int tokens_per_frame() const { return kTokensPerFrame; }
  int dim() const { return dim_; }

 private:
  using Frames = absl::Span<const std::vector<uint8_t>>;
  // CLIP's states of each frame, by index in VideoFrames.frames. Empty if they aren't kept.
  using States = std::vector<std::vector<float>>;

  VideoEncoder(std::unique_ptr<const VideoNetworks> networks, int dim, int threads);

  // Puts the states of global frames that are also local into `states`.
  absl::StatusOr<GlobalKeysValues> EncodeGlobal(const VideoFrames& video, const CancelFlag& cancel,
                                                States* states) const;
  absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      const GlobalKeysValues& global) const;
  absl::Status EncodeLocal(Frames frames, const std::vector<int>& local,
                           const GlobalContext& context, const States& states,
                           const CancelFlag& cancel, float* rows) const;

  const std::unique_ptr<const VideoNetworks> networks_;
  const std::unique_ptr<ChunkPool> pool_;
  const int dim_;
  std::vector<float> null_condition_;  // constant after Load
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_VIDEO_ENCODER_H_
