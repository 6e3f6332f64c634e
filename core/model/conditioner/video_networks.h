// The conditioner's networks. They compute a fixed number of frames at a time. This header needs no
// Torch.
#ifndef VIDMUSE_MODEL_CONDITIONER_VIDEO_NETWORKS_H_
#define VIDMUSE_MODEL_CONDITIONER_VIDEO_NETWORKS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/checkpoint/weight_reader.h"

namespace vidmuse {

// Frames in one call. A call always computes this many, with zeros in place of missing frames. One
// shape has one order of summation, so a frame's result doesn't depend on the number of frames.
inline constexpr int kChunkFrames = 4;

// The type of the matrix products' operands. Sums, norms, attention and the residual stream are
// always float32.
enum class VideoPrecision { kFp32, kBf16 };

constexpr const char* VideoPrecisionName(VideoPrecision precision) {
  return precision == VideoPrecision::kFp32 ? "fp32" : "bf16";
}

// Returns bf16 if `reduced` is set and the CPU has bfloat16 instructions, else fp32.
VideoPrecision BestVideoPrecision(bool reduced);

// Keys and values of a video's global frames. Immutable.
class GlobalContext {
 public:
  virtual ~GlobalContext() = default;
};

// Immutable and thread-safe. Each call runs on the calling thread alone. A frame's result is the
// same, bit for bit, whatever its place and its neighbours. RESOURCE_EXHAUSTED: out of memory.
//
// Spans hold 1 to kChunkFrames pointers; input and output spans have the same size.
class VideoNetworks {
 public:
  // The tensors' shapes determine the layers and widths; CLIP's heads are 64 wide. Errors name the
  // tensor.
  static absl::StatusOr<std::unique_ptr<const VideoNetworks>> Load(const LmConfig& config,
                                                                   WeightReader& weights,
                                                                   VideoPrecision precision);
  virtual ~VideoNetworks() = default;

  // Width of CLIP and of the temporal transformers, 768 in the published models.
  virtual int width() const = 0;
  // Number of floats in one frame's CLIP states, and in its cross-attention keys and values.
  int state_floats() const { return kTokensPerFrame * width(); }
  int key_value_floats() const { return 2 * state_floats(); }

  // Computes CLIP's last hidden state without the final norm. `frames`: RGB planes [3][224][224];
  // `states`: [50][width()].
  virtual absl::Status Clip(absl::Span<const uint8_t* const> frames,
                            absl::Span<float* const> states) const = 0;

  // Runs the global branch up to cross-attention's keys and values. `keys_values`:
  // [50][2][width()].
  virtual absl::Status Global(absl::Span<const float* const> states,
                              absl::Span<float* const> keys_values) const = 0;

  // Concatenates all global frames' keys and values, which Global made.
  virtual absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const = 0;

  // Runs the local branch, cross-attention and the projection. `rows`: [50][dim].
  virtual absl::Status Local(absl::Span<const float* const> states, const GlobalContext& context,
                             absl::Span<float* const> rows) const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_VIDEO_NETWORKS_H_
