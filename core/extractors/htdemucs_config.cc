#include "core/extractors/htdemucs_config.h"

#include <cmath>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr absl::string_view kArguments = "kwargs/";

// An argument with its default in the constructor.
struct Size {
  absl::string_view name;
  double otherwise;
  int64_t least, most;
  int64_t HtDemucsConfig::*value;
};

constexpr Size kSizes[] = {
    {"audio_channels", 2, 1, 2, &HtDemucsConfig::audio_channels},
    {"samplerate", 44100, 8000, 192'000, &HtDemucsConfig::sample_rate},
    {"channels", 48, 4, 1024, &HtDemucsConfig::channels},
    {"growth", 2, 1, 4, &HtDemucsConfig::growth},
    {"depth", 4, 1, 8, &HtDemucsConfig::depth},
    {"nfft", 4096, 64, 65536, &HtDemucsConfig::fft},
    {"dconv_depth", 2, 1, 8, &HtDemucsConfig::dconv_depth},
    {"dconv_comp", 8, 1, 64, &HtDemucsConfig::dconv_compression},
    {"bottom_channels", 0, 4, 8192, &HtDemucsConfig::bottom_channels},
    {"t_layers", 5, 1, 64, &HtDemucsConfig::transformer_layers},
    {"t_heads", 8, 1, 256, &HtDemucsConfig::heads},
};

struct Factor {
  absl::string_view name;
  double otherwise;
  double least, most;
  double HtDemucsConfig::*value;
};

constexpr Factor kFactors[] = {
    {"freq_emb", 0.2, 1e-6, 1e3, &HtDemucsConfig::embedding_weight},
    {"emb_scale", 10, 1e-6, 1e6, &HtDemucsConfig::embedding_scale},
    {"t_hidden_scale", 4, 0.01, 64, &HtDemucsConfig::hidden_scale},
    {"t_max_period", 10'000, 1.001, 1e9, &HtDemucsConfig::max_period},
    {"t_weight_pos_embed", 1, -1e3, 1e3, &HtDemucsConfig::position_weight},
};

// Arguments that choose a variant of the network, of which only the published one is supported.
struct Fixed {
  absl::string_view name;
  double otherwise;
  double supported;
};

constexpr Fixed kFixed[] = {
    {"cac", 1, 1},
    {"rewrite", 1, 1},
    {"kernel_size", 8, HtDemucsConfig::kKernel},
    {"stride", 4, HtDemucsConfig::kStride},
    {"context", 1, 1},
    {"context_enc", 0, 0},
    {"dconv_mode", 1, 3},
    {"t_norm_in", 1, 1},
    {"t_norm_in_group", 0, 0},
    {"t_group_norm", 0, 0},
    {"t_norm_first", 1, 1},
    {"t_norm_out", 1, 1},
    {"t_layer_scale", 1, 1},
    {"t_gelu", 1, 1},
    {"t_sin_random_shift", 0, 0},
    {"t_sparse_self_attn", 0, 0},
    {"t_sparse_cross_attn", 0, 0},
    {"t_cross_first", 0, 0},
    {"use_train_segment", 1, 1},
};

absl::Status Refuse(absl::string_view name, double value, absl::string_view supported) {
  return absl::InvalidArgumentError(
      absl::StrCat("HTDemucs with ", name, " = ", value, " isn't supported, only ", supported));
}

class ArgumentReader {
 public:
  explicit ArgumentReader(const TensorFile& file) : file_(file) {}

  absl::StatusOr<HtDemucsConfig> Read() {
    for (const Fixed& fixed : kFixed) {
      const double value = Number(fixed.name).value_or(fixed.otherwise);
      if (value != fixed.supported) {
        return Refuse(fixed.name, value, absl::StrCat(fixed.supported));
      }
    }
    for (const Size& size : kSizes) {
      const double value = Number(size.name).value_or(size.otherwise);
      RETURN_IF_ERROR(CheckRange(size.name, value, static_cast<double>(size.least),
                                 static_cast<double>(size.most)));
      config_.*size.value = static_cast<int64_t>(value);
      if (static_cast<double>(config_.*size.value) != value) {
        return Refuse(size.name, value, "an integer");
      }
    }
    for (const Factor& factor : kFactors) {
      config_.*factor.value = Number(factor.name).value_or(factor.otherwise);
      RETURN_IF_ERROR(CheckRange(factor.name, config_.*factor.value, factor.least, factor.most));
    }
    RETURN_IF_ERROR(ReadSources());
    RETURN_IF_ERROR(CheckVariant());
    return config_;
  }

 private:
  std::optional<double> Number(absl::string_view name) const {
    const auto found = file_.numbers().find(absl::StrCat(kArguments, name));
    if (found == file_.numbers().end()) return std::nullopt;
    return found->second;
  }

  static absl::Status CheckRange(absl::string_view name, double value, double least, double most) {
    if (value >= least && value <= most) return absl::OkStatus();
    return Refuse(name, value, absl::StrCat(least, " to ", most));
  }

  absl::Status ReadSources() {
    config_.sources.clear();
    for (;;) {
      const auto found =
          file_.strings().find(absl::StrCat(kArguments, "sources/", config_.sources.size()));
      if (found == file_.strings().end()) break;
      config_.sources.push_back(found->second);
    }
    const std::set<std::string> distinct(config_.sources.begin(), config_.sources.end());
    if (distinct.empty() || distinct.size() != config_.sources.size()) {
      return absl::InvalidArgumentError("HTDemucs without sources of distinct names");
    }
    return absl::OkStatus();
  }

  // Checks what more than one argument decides, and sets the segment's length.
  absl::Status CheckVariant() {
    const double starts = Number("norm_starts").value_or(4);
    if (starts < static_cast<double>(config_.depth)) {
      return Refuse("norm_starts", starts, absl::StrCat("the depth, ", config_.depth));
    }
    const double time_channels =
        Number("channels_time").value_or(static_cast<double>(config_.channels));
    if (time_channels != static_cast<double>(config_.channels)) {
      return Refuse("channels_time", time_channels, absl::StrCat("channels, ", config_.channels));
    }
    if (const auto ratio = Number("multi_freqs/0"); ratio.has_value()) {
      return Refuse("multi_freqs[0]", *ratio, "no multi_freqs");
    }
    const auto embedding = file_.strings().find(absl::StrCat(kArguments, "t_emb"));
    if (embedding != file_.strings().end() && embedding->second != "sin") {
      return absl::InvalidArgumentError(absl::StrCat("HTDemucs with t_emb = '",
                                                     absl::CHexEscape(embedding->second),
                                                     "' isn't supported, only 'sin'"));
    }
    RETURN_IF_ERROR(CheckSizes());
    return ReadSegment();
  }

  absl::Status CheckSizes() const {
    const auto refuse = [](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("HTDemucs: ", what));
    };
    // The last layer's input must have more frequencies than its kernel.
    int64_t bins = config_.bins();
    for (int64_t layer = 0; layer < config_.depth; ++layer) {
      if (bins <= HtDemucsConfig::kKernel || bins % HtDemucsConfig::kStride != 0 ||
          config_.fft % 4 != 0) {
        return refuse(
            absl::StrCat("nfft ", config_.fft, " doesn't suit a depth of ", config_.depth));
      }
      bins /= HtDemucsConfig::kStride;
    }
    if (config_.channels < config_.dconv_compression) {
      return refuse("dconv_comp is larger than channels");
    }
    if (config_.ChannelsAfter(config_.depth - 1) > 16384) return refuse("too many channels");
    if (config_.bottom_channels % config_.heads != 0 || config_.bottom_channels % 4 != 0) {
      return refuse("bottom_channels isn't a multiple of t_heads and of 4");
    }
    if (config_.hidden() < 1) return refuse("t_hidden_scale is too small");
    return absl::OkStatus();
  }

  absl::Status ReadSegment() {
    constexpr double kMostSeconds = 60;
    const double seconds = Number("segment").value_or(10);
    RETURN_IF_ERROR(CheckRange("segment", seconds, 0, kMostSeconds));
    // A fraction such as 39/5 times the rate is an integer, up to the rounding of its quotient.
    constexpr double kRounding = 1e-6;
    config_.segment = static_cast<int64_t>(
        std::floor(seconds * static_cast<double>(config_.sample_rate) + kRounding));
    if (config_.segment < 2 * config_.fft) {
      return Refuse("segment", seconds, "at least 2 * nfft samples");
    }
    return absl::OkStatus();
  }

  const TensorFile& file_;
  HtDemucsConfig config_;
};

bool HasArguments(const TensorFile& file) {
  const auto number = file.numbers().lower_bound(std::string(kArguments));
  const auto text = file.strings().lower_bound(std::string(kArguments));
  return (number != file.numbers().end() && absl::StartsWith(number->first, kArguments)) ||
         (text != file.strings().end() && absl::StartsWith(text->first, kArguments));
}

}  // namespace

int64_t HtDemucsConfig::ChannelsAfter(int64_t layer) const {
  int64_t count = channels;
  for (int64_t i = 0; i < layer; ++i) count *= growth;
  return count;
}

absl::StatusOr<HtDemucsConfig> ReadHtDemucsConfig(const TensorFile& file) {
  if (!HasArguments(file)) return HtDemucsConfig();
  return ArgumentReader(file).Read();
}

}  // namespace vidmuse
