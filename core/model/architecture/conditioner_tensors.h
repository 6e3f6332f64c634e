// The conditioner's tensors in the published files: CLIP ViT-B/32, as Hugging Face names it, and
// VidMuse's Long-Short-Term visual module ("VidMuse: A Simple Video-to-Music Generation Framework
// with Long-Short-Term Modeling", CVPR 2025).
#ifndef VIDMUSE_MODEL_ARCHITECTURE_CONDITIONER_TENSORS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_CONDITIONER_TENSORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/tensors.h"

namespace vidmuse {

inline constexpr int kVideoHeadDim = 64;  // of CLIP's heads and those of the temporal transformers
inline constexpr int kCrossHeads = 3;     // of the attention from local to global frames
inline constexpr int kPatchSize = 32;     // CLIP's patches, pixels, width and height
inline constexpr int kPatchFloats = 3 * kPatchSize * kPatchSize;
inline constexpr double kQuickGelu = 1.702;  // CLIP's activation is x * sigmoid(1.702 x)

// Each pixel channel p of [0, 1] becomes (p - mean) / deviation.
inline constexpr double kPixelMean[3] = {0.48145466, 0.4578275, 0.40821073};
inline constexpr double kPixelDeviation[3] = {0.26862954, 0.26130258, 0.27577711};

// The sizes that a file's configuration doesn't state: its tensors have them.
struct ConditionerConfig {
  int width = 768;      // of CLIP and the temporal transformers; a multiple of 192
  int clip_mlp = 3072;  // width of CLIP's MLP
  int clip_layers = 12;
  int temporal_layers = 2;  // of the local transformer, and of the global one
};

// The shape of the file's tensor of a name, or nullopt if it has none.
using FindShape = absl::FunctionRef<std::optional<std::vector<int64_t>>(const std::string& name)>;

// Derives the sizes from a file's tensors. A tensor that is missing counts as one layer or one row,
// so that whoever reads the tensors afterwards fails with its name. INVALID_ARGUMENT names the
// tensor whose width no conditioner can have.
absl::StatusOr<ConditionerConfig> FindConditionerConfig(FindShape shape);

// A layer of CLIP: pre-norm self-attention, and an MLP.
struct ClipLayerTensors {
  NormTensors norm1, norm2;
  LinearTensors query, key, value, out;  // [width, width]
  LinearTensors mlp1, mlp2;              // [mlp, width], [width, mlp]
};

struct ClipTensors {
  NamedShape class_embedding;     // [width]
  NamedShape patch_embedding;     // [width, 3, 32, 32]
  NamedShape position_embedding;  // [50, width]
  NormTensors pre_norm;
  std::vector<ClipLayerTensors> layers;
};

// A layer of a temporal transformer: pre-norm self-attention with heads of 64, and an MLP.
struct TemporalLayerTensors {
  NormTensors norm1, norm2;
  NamedShape qkv;  // [3 * heads * 64, width], without a bias
  LinearTensors out, mlp1, mlp2;
};

struct TemporalTensors {
  NamedShape position;  // [1, 50, width]
  std::vector<TemporalLayerTensors> layers;
  NormTensors norm;
};

struct ConditionerTensors {
  ClipTensors clip;
  TemporalTensors local, global;
  // Cross-attention from local to global tokens: norm1 of the sum with its input, then a linear
  // layer and norm2 of the sum with that.
  LinearTensors cross_query, cross_key, cross_value, cross_final;  // [width, width]
  NormTensors cross_norm1, cross_norm2;
  LinearTensors projection;  // [dim, width]

  static ConditionerTensors Of(const LmConfig& lm, const ConditionerConfig& config);
};

// All tensors of a state_dict.bin, in its order: the token model's, the conditioner's, and those of
// LeftoverTensors.
std::vector<NamedShape> LmTensors(const LmConfig& lm, const ConditionerConfig& config);

// How the names of the conditioner's tensors begin.
std::vector<std::string> ConditionerBeginnings();

// Parts of the names of tensors that are left over in the published files and that no network
// reads: a text encoder's projection and CLIP's outputs.
std::vector<std::string> LeftoverTensors();
// Whether a tensor of that name is a projection among them.
bool IsUnreadProjection(absl::string_view name);
// Whether a tensor of that name holds no numbers but CLIP's indices of positions, which are int64.
bool IsPositionIds(absl::string_view name);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_CONDITIONER_TENSORS_H_
