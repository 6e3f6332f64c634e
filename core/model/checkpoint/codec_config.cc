#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/config_reader.h"

namespace vidmuse {
namespace {

constexpr int kMaxWidth = 16384;

struct Option {
  const char* key;
  const char* supported;
};

// Options of both layouts that have only one supported value.
constexpr Option kAudiocraftRequired[] = {
    {"compression_model", "encodec"},
    {"encodec.autoencoder", "seanet"},
    {"encodec.quantizer", "rvq"},
    {"encodec.channels", "1"},
};
constexpr Option kAudiocraftAllowed[] = {
    {"encodec.causal", "false"},
    {"encodec.renormalize", "false"},
    {"encodec.renorm", "false"},
};
// Options of `seanet`, which `seanet.decoder` may override for the decoder.
constexpr Option kSeanetRequired[] = {
    {"channels", "1"},
    {"activation", "ELU"},
    {"norm", "weight_norm"},
    {"true_skip", "true"},
};
constexpr Option kSeanetAllowed[] = {
    {"causal", "false"},
    {"disable_norm_outer_blocks", "0"},
    {"final_activation", "null"},
};
constexpr Option kHuggingFaceRequired[] = {
    {"model_type", "encodec"},    {"audio_channels", "1"},      {"normalize", "false"},
    {"norm_type", "weight_norm"}, {"use_causal_conv", "false"}, {"use_conv_shortcut", "false"},
};

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// The keys of a layout's sizes.
struct SizeKeys {
  std::string dimension, n_filters, bins, ratios, kernel_size, last_kernel_size,
      residual_kernel_size, n_residual_layers, compress, lstm_layers, pad_mode, sample_rate;
};

// Reads the sizes that both layouts have, which is all but the number of codebooks. Two settings
// don't matter: trim_right_ratio only concerns causal codecs, and the dilation of the only residual
// layer is 1 whatever its base.
absl::StatusOr<CodecConfig> ReadSizes(const ConfigReader& reader, const SizeKeys& keys) {
  CodecConfig config;
  ASSIGN_OR_RETURN(config.sample_rate, reader.Int(keys.sample_rate, 8000, 192000));
  ASSIGN_OR_RETURN(config.dimension, reader.Int(keys.dimension, 1, kMaxWidth));
  ASSIGN_OR_RETURN(config.n_filters, reader.Int(keys.n_filters, 1, 1024));
  ASSIGN_OR_RETURN(config.bins, reader.Int(keys.bins, 2, 65535));
  ASSIGN_OR_RETURN(config.ratios, reader.Ints(keys.ratios, 1, 64));
  ASSIGN_OR_RETURN(config.kernel_size, reader.Int(keys.kernel_size, 1, 63));
  ASSIGN_OR_RETURN(config.last_kernel_size, reader.Int(keys.last_kernel_size, 1, 63));
  ASSIGN_OR_RETURN(config.residual_kernel_size, reader.Int(keys.residual_kernel_size, 1, 63));
  ASSIGN_OR_RETURN(config.n_residual_layers, reader.Int(keys.n_residual_layers, 1, 1));
  ASSIGN_OR_RETURN(config.compress, reader.Int(keys.compress, 1, 64));
  ASSIGN_OR_RETURN(config.lstm_layers, reader.Int(keys.lstm_layers, 0, 8));
  ASSIGN_OR_RETURN(const std::string pad_mode, reader.String(keys.pad_mode));
  if (pad_mode != "constant" && pad_mode != "reflect") {
    return Invalid(absl::StrCat("'", keys.pad_mode, "' is ", pad_mode.substr(0, 64),
                                ", only constant and reflect are supported"));
  }
  config.reflect_padding = pad_mode == "reflect";
  for (const int size :
       {config.kernel_size, config.last_kernel_size, config.residual_kernel_size}) {
    if (size % 2 == 0)
      return Invalid(absl::StrCat("a kernel size is ", size, ", expected an odd number"));
  }
  if (config.ratios.empty() || config.ratios.size() > 8) {
    return Invalid(
        absl::StrCat("'", keys.ratios, "' has ", config.ratios.size(), " items, expected 1 to 8"));
  }
  if ((config.n_filters << config.ratios.size()) > kMaxWidth ||
      config.n_filters % config.compress != 0) {
    return Invalid(absl::StrCat("'", keys.n_filters, "' is ", config.n_filters,
                                ", which is too wide for ", config.ratios.size(),
                                " ratios or is not a multiple of ", keys.compress, " (",
                                config.compress, ")"));
  }
  int64_t samples = 1;  // can't overflow: it stays below 64^8
  for (const int ratio : config.ratios) samples *= ratio;
  if (samples > config.sample_rate) {
    return Invalid(absl::StrCat("'", keys.ratios, "' makes frames of ", samples,
                                " samples, longer than a second"));
  }
  return config;
}

absl::StatusOr<CodecConfig> ReadAudiocraft(absl::string_view yaml) {
  ASSIGN_OR_RETURN(const ConfigReader reader, ConfigReader::Parse(yaml));
  const auto seanet = [&](absl::string_view key) {
    const std::string own = absl::StrCat("seanet.decoder.", key);
    return reader.Has(own) ? own : absl::StrCat("seanet.", key);
  };
  for (const Option& o : kAudiocraftRequired) RETURN_IF_ERROR(reader.Require(o.key, o.supported));
  for (const Option& o : kAudiocraftAllowed) RETURN_IF_ERROR(reader.Allow(o.key, o.supported));
  for (const Option& o : kSeanetRequired)
    RETURN_IF_ERROR(reader.Require(seanet(o.key), o.supported));
  for (const Option& o : kSeanetAllowed) RETURN_IF_ERROR(reader.Allow(seanet(o.key), o.supported));
  ASSIGN_OR_RETURN(CodecConfig config,
                   ReadSizes(reader, {.dimension = seanet("dimension"),
                                      .n_filters = seanet("n_filters"),
                                      .bins = "rvq.bins",
                                      .ratios = seanet("ratios"),
                                      .kernel_size = seanet("kernel_size"),
                                      .last_kernel_size = seanet("last_kernel_size"),
                                      .residual_kernel_size = seanet("residual_kernel_size"),
                                      .n_residual_layers = seanet("n_residual_layers"),
                                      .compress = seanet("compress"),
                                      .lstm_layers = seanet("lstm"),
                                      .pad_mode = seanet("pad_mode"),
                                      .sample_rate = "encodec.sample_rate"}));
  ASSIGN_OR_RETURN(config.codebooks, reader.Int("rvq.n_q", 1, 64));
  ASSIGN_OR_RETURN(const double alpha,
                   reader.Number(seanet("activation_params.alpha"), 0.0, 100.0));
  config.elu_alpha = static_cast<float>(alpha);
  return config;
}

// The file holds as many codebooks as transformers' EncodecConfig.num_quantizers, which counts 10
// bits per codebook. The bandwidth divided by their real number of bits says how many are used.
absl::StatusOr<int> HuggingFaceCodebooks(const ConfigReader& reader, const CodecConfig& config) {
  ASSIGN_OR_RETURN(const std::vector<double> bandwidths,
                   reader.Numbers("target_bandwidths", 0.0, 1000.0));
  if (bandwidths.empty()) return Invalid("'target_bandwidths' is empty");
  const double bits_a_second = 1000.0 * bandwidths.back();
  const double frame_rate =
      std::ceil(static_cast<double>(config.sample_rate) / config.samples_per_frame());
  const double held = std::floor(bits_a_second / (frame_rate * 10));
  const double used = std::floor(bits_a_second / (frame_rate * std::log2(config.bins)));
  const int codebooks = static_cast<int>(std::min(held, used));
  if (codebooks < 1 || codebooks > 64) {
    return Invalid(absl::StrCat("'target_bandwidths' ends in ", bandwidths.back(), ", which makes ",
                                codebooks, " codebooks, expected 1 to 64"));
  }
  return codebooks;
}

absl::StatusOr<CodecConfig> ReadHuggingFace(absl::string_view json) {
  ASSIGN_OR_RETURN(const ConfigReader reader, ConfigReader::Parse(json));
  for (const Option& o : kHuggingFaceRequired) RETURN_IF_ERROR(reader.Require(o.key, o.supported));
  ASSIGN_OR_RETURN(CodecConfig config,
                   ReadSizes(reader, {.dimension = "hidden_size",
                                      .n_filters = "num_filters",
                                      .bins = "codebook_size",
                                      .ratios = "upsampling_ratios",
                                      .kernel_size = "kernel_size",
                                      .last_kernel_size = "last_kernel_size",
                                      .residual_kernel_size = "residual_kernel_size",
                                      .n_residual_layers = "num_residual_layers",
                                      .compress = "compress",
                                      .lstm_layers = "num_lstm_layers",
                                      .pad_mode = "pad_mode",
                                      .sample_rate = "sampling_rate"}));
  if (reader.Has("codebook_dim")) {
    RETURN_IF_ERROR(reader.Require("codebook_dim", absl::StrCat(config.dimension)));
  }
  ASSIGN_OR_RETURN(config.codebooks, HuggingFaceCodebooks(reader, config));
  return config;
}

absl::StatusOr<CodecConfig> Named(absl::StatusOr<CodecConfig> config) {
  if (config.ok()) return config;
  return absl::Status(config.status().code(),
                      absl::StrCat("codec's configuration: ", config.status().message()));
}

}  // namespace

int CodecConfig::samples_per_frame() const {
  int samples = 1;
  for (const int ratio : ratios) samples *= ratio;
  return samples;
}

absl::StatusOr<CodecConfig> ParseAudiocraftCodecConfig(absl::string_view yaml) {
  return Named(ReadAudiocraft(yaml));
}

absl::StatusOr<CodecConfig> ParseHuggingFaceCodecConfig(absl::string_view json) {
  return Named(ReadHuggingFace(json));
}

}  // namespace vidmuse
