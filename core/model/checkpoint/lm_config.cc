#include <numeric>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/config_reader.h"

namespace vidmuse {
namespace {

constexpr absl::string_view kLm = "transformer_lm.";

struct Option {
  const char* key;
  const char* supported;
};

// Options that must be present, because the reference's defaults are not the supported values.
constexpr Option kRequired[] = {
    {"channels", "1"},
    {"transformer_lm.activation", "gelu"},
    {"transformer_lm.norm_first", "true"},
    {"transformer_lm.bias_ff", "false"},
    {"transformer_lm.bias_attn", "false"},
    {"transformer_lm.bias_proj", "false"},
    {"transformer_lm.causal", "true"},
    {"codebooks_pattern.modeling", "delay"},
    {"fuser.cross", "[description]"},
    {"video.visual_encoder", "clip"},
};

// Options that may be missing, because then they have the supported value.
constexpr Option kAllowed[] = {
    {"lm_model", "transformer_lm"},
    {"transformer_lm.past_context", "null"},
    {"transformer_lm.layer_scale", "null"},
    {"transformer_lm.positional_embedding", "sin"},
    {"transformer_lm.max_period", "10000"},
    {"transformer_lm.positional_scale", "1"},
    {"transformer_lm.xpos", "false"},
    {"transformer_lm.rope", "false"},
    {"transformer_lm.norm", "layer_norm"},
    {"transformer_lm.qk_layer_norm", "false"},
    {"transformer_lm.qk_layer_norm_cross", "false"},
    {"transformer_lm.kv_repeat", "1"},
    {"codebooks_pattern.delay.flatten_first", "0"},
    {"codebooks_pattern.delay.empty_initial", "0"},
    {"fuser.cross_attention_pos_emb", "false"},
    {"fuser.sum", "[]"},
    {"fuser.prepend", "[]"},
    {"fuser.input_interpolate", "[]"},
    {"video.video_fps", "2"},
    {"video.add_global.if_add_gobal", "true"},  // spelt like this in published files
};

absl::StatusOr<LmConfig> Read(absl::string_view yaml) {
  ASSIGN_OR_RETURN(const ConfigReader reader, ConfigReader::Parse(yaml));
  for (const Option& option : kRequired)
    RETURN_IF_ERROR(reader.Require(option.key, option.supported));
  for (const Option& option : kAllowed) RETURN_IF_ERROR(reader.Allow(option.key, option.supported));

  const auto size = [&](absl::string_view key, int min, int max) {
    return reader.Int(absl::StrCat(kLm, key), min, max);
  };
  LmConfig config;
  ASSIGN_OR_RETURN(config.dim, size("dim", 4, 16384));
  ASSIGN_OR_RETURN(config.num_heads, size("num_heads", 1, 256));
  ASSIGN_OR_RETURN(config.num_layers, size("num_layers", 1, 256));
  ASSIGN_OR_RETURN(config.hidden_scale, size("hidden_scale", 1, 16));
  if (config.ffn() > kMaxInputs) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", kLm, "hidden_scale' is ", config.hidden_scale, ", which makes ",
                     config.ffn(), " inputs of a layer, more than ", kMaxInputs));
  }
  ASSIGN_OR_RETURN(config.codebooks, size("n_q", 1, 16));
  ASSIGN_OR_RETURN(config.card, size("card", 2, 65535));
  ASSIGN_OR_RETURN(config.sample_rate, reader.Int("sample_rate", 8000, 192000));
  ASSIGN_OR_RETURN(const double cfg_coef,
                   reader.Number("classifier_free_guidance.inference_coef", 0.0, 100.0));
  config.cfg_coef = static_cast<float>(cfg_coef);
  if (config.dim % config.num_heads != 0 || config.dim % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat("'transformer_lm.dim' is ", config.dim,
                                                   ", expected an even number that num_heads (",
                                                   config.num_heads, ") divides"));
  }
  ASSIGN_OR_RETURN(const std::vector<int> delays,
                   reader.Ints("codebooks_pattern.delay.delays", 0, 100));
  std::vector<int> expected(config.codebooks);
  std::iota(expected.begin(), expected.end(), 0);
  if (delays != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'codebooks_pattern.delay.delays' is [", absl::StrJoin(delays, ", "), "], only [",
        absl::StrJoin(expected, ", "), "] is supported for n_q ", config.codebooks));
  }
  return config;
}

}  // namespace

absl::StatusOr<LmConfig> ParseLmConfig(absl::string_view yaml) {
  absl::StatusOr<LmConfig> config = Read(yaml);
  if (config.ok()) return config;
  return absl::Status(config.status().code(),
                      absl::StrCat("token model's configuration: ", config.status().message()));
}

}  // namespace vidmuse
