// The conditioner's networks, a fixed number of frames at a time. No Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_VIDEO_NETWORKS_H_
#define VIDMUSE_MODEL_TORCH_VIDEO_NETWORKS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/weights/weight_reader.h"

namespace vidmuse {

inline constexpr int kTokensPerFrame = 50;  // CLIP's class token and 7 x 7 patches

// Frames in one call. A call always computes this many, with zeros for those it wasn't given: one
// shape has one order of summation, so a frame's result doesn't depend on how many there are.
inline constexpr int kChunkFrames = 4;

// Operands of the matrix products. Sums, norms, attention and what runs from layer to layer are
// float32 in both.
enum class VideoPrecision { kFp32, kBf16 };

constexpr const char* VideoPrecisionName(VideoPrecision precision) {
  return precision == VideoPrecision::kFp32 ? "fp32" : "bf16";
}

// The fastest here that `reduced` allows: bfloat16 where the CPU multiplies it, else float32.
VideoPrecision BestVideoPrecision(bool reduced);

// Keys and values of a video's global frames. Immutable.
class GlobalContext {
 public:
  virtual ~GlobalContext() = default;
};

// Immutable and thread-safe. Each call runs on the calling thread alone. A frame's result is the
// same, bit for bit, whatever its place and its neighbours. RESOURCE_EXHAUSTED: out of memory.
//
// Spans hold 1 to kChunkFrames pointers, and as many go out as come in.
class VideoNetworks {
 public:
  // Layers and widths follow from the tensors' shapes; CLIP has heads of 64. Errors name the
  // tensor.
  static absl::StatusOr<std::unique_ptr<const VideoNetworks>> Load(const LmConfig& config,
                                                                   WeightReader& weights,
                                                                   VideoPrecision precision);
  virtual ~VideoNetworks() = default;

  // Of CLIP and of the temporal transformers, 768 in the published models.
  virtual int width() const = 0;
  // Of a frame on its way: CLIP's states, and the keys and values of cross-attention.
  int state_floats() const { return kTokensPerFrame * width(); }
  int key_value_floats() const { return 2 * state_floats(); }

  // CLIP's last hidden state without its final norm. `frames`: RGB planes [3][224][224]; `states`:
  // [50][width()].
  virtual absl::Status Clip(absl::Span<const uint8_t* const> frames,
                            absl::Span<float* const> states) const = 0;

  // The global branch, up to cross-attention's keys and values. `keys_values`: [50][2][width()].
  virtual absl::Status Global(absl::Span<const float* const> states,
                              absl::Span<float* const> keys_values) const = 0;

  // Puts all global frames' keys and values, as Global made them, one after the other.
  virtual absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const = 0;

  // The local branch, cross-attention and the projection. `rows`: [50][dim].
  virtual absl::Status Local(absl::Span<const float* const> states, const GlobalContext& context,
                             absl::Span<float* const> rows) const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_VIDEO_NETWORKS_H_
