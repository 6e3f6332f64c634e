// A model's sizes, as its checkpoint's configuration states them.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_MODEL_CONFIG_H_
#define VIDMUSE_MODEL_ARCHITECTURE_MODEL_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// In the published files, the prefix of tensors' names and the name of the string with the
// configuration.
inline constexpr char kPublishedTensors[] = "best_state/";
inline constexpr char kPublishedConfig[] = "xp.cfg";

// The widest input of a linear layer. A sum of this many products of 8-bit numbers is below 2^31.
inline constexpr int kMaxInputs = 131072;

// The token model and the conditioner (`xp.cfg` of state_dict.bin).
struct LmConfig {
  int dim = 1024;
  int num_heads = 16;
  int num_layers = 24;
  int hidden_scale = 4;
  int codebooks = 4;  // n_q
  int card = 2048;
  float cfg_coef = 3.0f;  // classifier_free_guidance.inference_coef
  int sample_rate = 32000;
  int ffn() const { return dim * hidden_scale; }
};

// INVALID_ARGUMENT names an option that is missing, out of range or not supported, such as rope,
// qk_layer_norm, stereo, another delay pattern, biases or post-norm.
absl::StatusOr<LmConfig> ParseLmConfig(absl::string_view yaml);

// EnCodec's decoder, from audiocraft's `xp.cfg` or Hugging Face's config.json.
struct CodecConfig {
  int sample_rate = 32000;
  int dimension = 128;  // of a codebook's vectors
  int n_filters = 64;
  int codebooks = 4;
  int bins = 2048;
  std::vector<int> ratios = {8, 5, 4, 4};
  int kernel_size = 7;
  int last_kernel_size = 7;
  int residual_kernel_size = 3;
  int n_residual_layers = 1;
  int compress = 2;
  int lstm_layers = 2;
  bool reflect_padding = false;  // whether pad_mode is "reflect" rather than "constant"
  float elu_alpha = 1.0f;
  int samples_per_frame() const;
};

// How a checkpoint names the codec's tensors.
enum class CodecNames { kAudiocraft, kHuggingFace };

absl::StatusOr<CodecConfig> ParseAudiocraftCodecConfig(absl::string_view yaml);
// Computes the number of codebooks in use from target_bandwidths, sampling rate, ratios and
// codebook size.
absl::StatusOr<CodecConfig> ParseHuggingFaceCodecConfig(absl::string_view json);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_MODEL_CONFIG_H_
