// Loads the decoder's weights from a checkpoint.
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/checkpoint/codec_weights.h"
#include "core/model/cpu/codec.h"

namespace vidmuse::cpu {
namespace {

class Loader {
 public:
  Loader(const CodecConfig& config, const CodecWeights& weights, Precision precision)
      : config_(config), weights_(weights), precision_(precision) {}

  absl::StatusOr<ConvWeights> Conv(const ConvTensors& source) const {
    ASSIGN_OR_RETURN(const std::vector<float> weight, weights_.ReadWeight(source));
    ASSIGN_OR_RETURN(const std::vector<float> bias, weights_.Read(source.bias));
    return ConvWeights(weight, bias, Size(source, 0), Size(source, 1), Size(source, 2),
                       config_.reflect_padding, precision_);
  }

  absl::StatusOr<UpsamplingWeights> Upsampling(const ConvTensors& source, int stride) const {
    ASSIGN_OR_RETURN(const std::vector<float> weight, weights_.ReadWeight(source));
    ASSIGN_OR_RETURN(const std::vector<float> bias, weights_.Read(source.bias));
    return UpsamplingWeights(weight, bias, Size(source, 0), Size(source, 1), stride, precision_);
  }

  absl::StatusOr<std::unique_ptr<const LstmLayer>> Lstm(const LstmTensors& source,
                                                        const Kernels& kernels) const {
    ASSIGN_OR_RETURN(const std::vector<float> input, weights_.Read(source.weight_ih));
    ASSIGN_OR_RETURN(const std::vector<float> hidden, weights_.Read(source.weight_hh));
    ASSIGN_OR_RETURN(const std::vector<float> input_bias, weights_.Read(source.bias_ih));
    ASSIGN_OR_RETURN(const std::vector<float> hidden_bias, weights_.Read(source.bias_hh));
    return std::make_unique<const LstmLayer>(input, hidden, input_bias, hidden_bias,
                                             static_cast<int>(source.weight_hh.shape[1]), kernels,
                                             precision_);
  }

 private:
  static int Size(const ConvTensors& source, int dimension) {
    return static_cast<int>(source.direction.shape[dimension]);
  }

  const CodecConfig& config_;
  const CodecWeights& weights_;
  const Precision precision_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Codec>> Codec::Load(const CodecConfig& config,
                                                         CodecNames names, WeightReader& reader,
                                                         const Kernels& kernels,
                                                         Precision precision) {
  const CodecWeights weights(names, &reader);
  const Loader loader(config, weights, precision);
  const CodecDecoderTensors source = CodecDecoderTensors::Of(config);
  std::shared_ptr<Codec> codec(new Codec(config, kernels, precision));
  for (int k = 0; k < config.codebooks; ++k) {
    ASSIGN_OR_RETURN(std::vector<float> codebook,
                     weights.Read(CodebookTensors::Of(config, k).embed));
    codec->codebooks_.push_back(std::move(codebook));
  }
  ASSIGN_OR_RETURN(codec->first_, loader.Conv(source.first));
  for (const LstmTensors& layer : source.lstm) {
    ASSIGN_OR_RETURN(std::unique_ptr<const LstmLayer> lstm, loader.Lstm(layer, kernels));
    codec->lstm_.push_back(std::move(lstm));
  }
  for (size_t i = 0; i < source.stages.size(); ++i) {
    const CodecDecoderTensors::Stage& tensors = source.stages[i];
    Stage stage;
    ASSIGN_OR_RETURN(stage.upsampling, loader.Upsampling(tensors.upsampling, config.ratios[i]));
    ASSIGN_OR_RETURN(stage.residual3, loader.Conv(tensors.residual.conv3));
    ASSIGN_OR_RETURN(stage.residual1, loader.Conv(tensors.residual.conv1));
    codec->stages_.push_back(std::move(stage));
  }
  ASSIGN_OR_RETURN(codec->last_, loader.Conv(source.last));
  return std::shared_ptr<const Codec>(std::move(codec));
}

}  // namespace vidmuse::cpu
