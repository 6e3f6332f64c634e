// Loads the decoder's weights from a checkpoint that uses audiocraft's or Hugging Face's names.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/cpu/codec.h"

namespace vidmuse::cpu {
namespace {

class Loader {
 public:
  Loader(const CodecConfig& config, CodecNames names, WeightReader& weights)
      : config_(config), hf_(names == CodecNames::kHuggingFace), weights_(weights) {}

  absl::StatusOr<std::vector<float>> Codebook(int k) {
    const std::string name = hf_ ? absl::StrCat("quantizer.layers.", k, ".codebook.embed")
                                 : absl::StrCat("quantizer.vq.layers.", k, "._codebook.embed");
    return weights_.Read(name, {config_.bins, config_.dimension});
  }

  absl::StatusOr<ConvWeights> Conv(const std::string& at, int out, int in, int kernel) {
    const std::string prefix = Layer(at) + (hf_ ? ".conv" : ".conv.conv");
    ASSIGN_OR_RETURN(const std::vector<float> weight, NormedWeight(prefix, out, in, kernel));
    ASSIGN_OR_RETURN(const std::vector<float> bias, weights_.Read(prefix + ".bias", {out}));
    return ConvWeights(weight, bias, out, in, kernel, config_.reflect_padding);
  }

  absl::StatusOr<UpsamplingWeights> Upsampling(const std::string& at, int in, int out, int stride) {
    const std::string prefix = Layer(at) + (hf_ ? ".conv" : ".convtr.convtr");
    ASSIGN_OR_RETURN(const std::vector<float> weight, NormedWeight(prefix, in, out, 2 * stride));
    ASSIGN_OR_RETURN(const std::vector<float> bias, weights_.Read(prefix + ".bias", {out}));
    return UpsamplingWeights(weight, bias, in, out, stride);
  }

  absl::StatusOr<LstmWeights> Lstm(const std::string& at, int layer, int size) {
    const std::string prefix = Layer(at) + ".lstm.";
    const auto name = [&](const char* part) { return absl::StrCat(prefix, part, "_l", layer); };
    ASSIGN_OR_RETURN(const std::vector<float> input,
                     weights_.Read(name("weight_ih"), {4 * size, size}));
    ASSIGN_OR_RETURN(const std::vector<float> hidden,
                     weights_.Read(name("weight_hh"), {4 * size, size}));
    ASSIGN_OR_RETURN(const std::vector<float> input_bias,
                     weights_.Read(name("bias_ih"), {4 * size}));
    ASSIGN_OR_RETURN(const std::vector<float> hidden_bias,
                     weights_.Read(name("bias_hh"), {4 * size}));
    return LstmWeights(input, hidden, input_bias, hidden_bias, size);
  }

 private:
  std::string Layer(const std::string& at) const {
    return absl::StrCat(hf_ ? "decoder.layers." : "decoder.model.", at);
  }

  // weight = g v / |v|, the norm taken over all dimensions but the first (Salimans and Kingma,
  // 2016).
  absl::StatusOr<std::vector<float>> NormedWeight(const std::string& prefix, int64_t rows,
                                                  int64_t columns, int64_t kernel) {
    const bool parametrized = weights_.Has(prefix + ".parametrizations.weight.original0");
    const std::string g_name =
        prefix + (parametrized ? ".parametrizations.weight.original0" : ".weight_g");
    const std::string v_name =
        prefix + (parametrized ? ".parametrizations.weight.original1" : ".weight_v");
    ASSIGN_OR_RETURN(const std::vector<float> g, weights_.Read(g_name, {rows, 1, 1}));
    ASSIGN_OR_RETURN(std::vector<float> v, weights_.Read(v_name, {rows, columns, kernel}));
    for (int64_t r = 0; r < rows; ++r) {
      float* row = v.data() + r * columns * kernel;
      double squares = 0;
      for (int64_t i = 0; i < columns * kernel; ++i) squares += double{row[i]} * row[i];
      if (squares == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor '", v_name, "': row ", r, " is all zero, so it has no direction"));
      }
      const float factor = g[r] / static_cast<float>(std::sqrt(squares));
      for (int64_t i = 0; i < columns * kernel; ++i) row[i] *= factor;
    }
    return v;
  }

  const CodecConfig& config_;
  const bool hf_;
  WeightReader& weights_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Codec>> Codec::Load(const CodecConfig& config,
                                                         CodecNames names, WeightReader& weights,
                                                         const Kernels& kernels) {
  Loader loader(config, names, weights);
  std::shared_ptr<Codec> codec(new Codec(config, kernels));
  for (int k = 0; k < config.codebooks; ++k) {
    ASSIGN_OR_RETURN(std::vector<float> codebook, loader.Codebook(k));
    codec->codebooks_.push_back(std::move(codebook));
  }
  // Order of the sequential model: a conv and an LSTM; for each ratio an ELU, a transposed conv and
  // a residual block; then an ELU and a conv.
  int channels = config.n_filters << config.ratios.size();
  int position = 0;
  ASSIGN_OR_RETURN(codec->first_, loader.Conv(absl::StrCat(position++), channels, config.dimension,
                                              config.kernel_size));
  if (config.lstm_layers > 0) {
    for (int i = 0; i < config.lstm_layers; ++i) {
      ASSIGN_OR_RETURN(LstmWeights lstm, loader.Lstm(absl::StrCat(position), i, channels));
      codec->lstm_.push_back(std::move(lstm));
    }
    ++position;
  }
  for (const int ratio : config.ratios) {
    Stage stage;
    ASSIGN_OR_RETURN(stage.upsampling,
                     loader.Upsampling(absl::StrCat(position + 1), channels, channels / 2, ratio));
    channels /= 2;
    const std::string block = absl::StrCat(position + 2, ".block.");
    const int hidden = channels / config.compress;
    ASSIGN_OR_RETURN(stage.residual3,
                     loader.Conv(block + "1", hidden, channels, config.residual_kernel_size));
    ASSIGN_OR_RETURN(stage.residual1, loader.Conv(block + "3", channels, hidden, 1));
    codec->stages_.push_back(std::move(stage));
    position += 3;
  }
  ASSIGN_OR_RETURN(codec->last_,
                   loader.Conv(absl::StrCat(position + 1), 1, channels, config.last_kernel_size));
  return std::shared_ptr<const Codec>(std::move(codec));
}

}  // namespace vidmuse::cpu
