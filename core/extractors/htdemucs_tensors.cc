#include "core/extractors/htdemucs_tensors.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse::htdemucs {
namespace {

using Shape = std::vector<int64_t>;

constexpr int64_t kDconvKernel = 3;
constexpr int64_t kRewriteKernel = 3;  // of decoders

// Reads one branch. After an error, all tensors are undefined.
class BranchReader {
 public:
  BranchReader(const HtDemucsConfig& config, bool is_spectrum, TensorSource source)
      : config_(config),
        is_spectrum_(is_spectrum),
        prefix_(is_spectrum ? "" : "t"),
        suffix_(is_spectrum ? "" : "_t"),
        source_(source) {}

  absl::StatusOr<Branch> Read() {
    Branch branch;
    for (int64_t i = 0; i < config_.depth; ++i) branch.encoders.push_back(ReadEncoder(i));
    for (int64_t i = 0; i < config_.depth; ++i) branch.decoders.push_back(ReadDecoder(i));
    const int64_t width = config_.bottom_channels;
    const int64_t channels = config_.ChannelsAfter(config_.depth - 1);
    branch.up = ReadLayer(absl::StrCat("channel_upsampler", suffix_), {width, channels, 1});
    branch.down = ReadLayer(absl::StrCat("channel_downsampler", suffix_), {channels, width, 1});
    branch.norm_in = ReadNorm(absl::StrCat("crosstransformer.norm_in", suffix_), width);
    for (int64_t i = 0; i < config_.transformer_layers; ++i) {
      branch.transformers.push_back(ReadTransformer(
          absl::StrCat("crosstransformer.layers", suffix_, ".", i, "."), i % 2 == 1));
    }
    RETURN_IF_ERROR(error_);
    return branch;
  }

 private:
  at::Tensor ReadTensor(std::string name, Shape shape, TensorRole role) {
    if (!error_.ok()) return {};
    absl::StatusOr<at::Tensor> tensor =
        source_(NamedShape{std::move(name), std::move(shape), role});
    if (tensor.ok()) return *std::move(tensor);
    error_ = tensor.status();
    return {};
  }

  Layer ReadPair(const std::string& weight, const std::string& bias, const Shape& shape,
                 int64_t biases, TensorRole role = TensorRole::kWeight) {
    Layer layer;
    layer.weight = ReadTensor(weight, shape, role);
    layer.bias = ReadTensor(bias, {biases}, TensorRole::kBias);
    return layer;
  }

  Layer ReadLayer(const std::string& name, const Shape& shape) {
    return ReadPair(name + ".weight", name + ".bias", shape, shape[0]);
  }

  Layer ReadNorm(const std::string& name, int64_t width) {
    return ReadPair(name + ".weight", name + ".bias", {width}, width, TensorRole::kNormScale);
  }

  at::Tensor ReadScale(const std::string& name, int64_t width) {
    return ReadTensor(name + ".scale", {width}, TensorRole::kGain);
  }

  // The shape of a kernel along samples, or along frequencies.
  Shape AlongBranch(int64_t out, int64_t in, int64_t kernel) const {
    return is_spectrum_ ? Shape{out, in, kernel, 1} : Shape{out, in, kernel};
  }

  std::vector<Residual> ReadResiduals(const std::string& layer, int64_t width) {
    const int64_t hidden = width / config_.dconv_compression;
    std::vector<Residual> residuals;
    for (int64_t i = 0; i < config_.dconv_depth; ++i) {
      const std::string name = absl::StrCat(layer, "dconv.layers.", i, ".");
      Residual& residual = residuals.emplace_back();
      residual.narrow = ReadLayer(name + "0", {hidden, width, kDconvKernel});
      residual.norm1 = ReadNorm(name + "1", hidden);
      residual.widen = ReadLayer(name + "3", {2 * width, hidden, 1});
      residual.norm2 = ReadNorm(name + "4", 2 * width);
      residual.scale = ReadScale(name + "6", width);
    }
    return residuals;
  }

  // The channels of the branch's input, or of its output of `sources` sources. A complex number of
  // the spectrogram is two channels.
  int64_t SignalChannels(int64_t sources) const {
    return config_.audio_channels * sources * (is_spectrum_ ? 2 : 1);
  }

  Encoder ReadEncoder(int64_t index) {
    const std::string name = absl::StrCat(prefix_, "encoder.", index, ".");
    const int64_t out = config_.ChannelsAfter(index);
    const int64_t in = index == 0 ? SignalChannels(1) : config_.ChannelsAfter(index - 1);
    Encoder encoder;
    encoder.conv = ReadLayer(name + "conv", AlongBranch(out, in, HtDemucsConfig::kKernel));
    encoder.rewrite = ReadLayer(name + "rewrite", AlongBranch(2 * out, out, 1));
    encoder.residuals = ReadResiduals(name, out);
    return encoder;
  }

  Decoder ReadDecoder(int64_t index) {
    const std::string name = absl::StrCat(prefix_, "decoder.", index, ".");
    const int64_t layer = config_.depth - 1 - index;  // of the encoder that it undoes
    const int64_t in = config_.ChannelsAfter(layer);
    const int64_t out = layer == 0 ? SignalChannels(static_cast<int64_t>(config_.sources.size()))
                                   : config_.ChannelsAfter(layer - 1);
    Decoder decoder;
    Shape rewrite{2 * in, in, kRewriteKernel};
    if (is_spectrum_) rewrite.push_back(kRewriteKernel);
    decoder.rewrite = ReadLayer(name + "rewrite", rewrite);
    decoder.conv = ReadPair(name + "conv_tr.weight", name + "conv_tr.bias",
                            AlongBranch(in, out, HtDemucsConfig::kKernel), out);
    decoder.residuals = ReadResiduals(name, in);
    return decoder;
  }

  Transformer ReadTransformer(const std::string& name, bool is_cross) {
    const int64_t width = config_.bottom_channels;
    const std::string attention = name + (is_cross ? "cross_attn." : "self_attn.");
    Transformer layer;
    layer.is_cross = is_cross;
    layer.norm_query = ReadNorm(name + "norm1", width);
    if (is_cross) layer.norm_key = ReadNorm(name + "norm2", width);
    layer.input = ReadPair(attention + "in_proj_weight", attention + "in_proj_bias",
                           {3 * width, width}, 3 * width);
    layer.output = ReadLayer(attention + "out_proj", {width, width});
    layer.norm_hidden = ReadNorm(name + (is_cross ? "norm3" : "norm2"), width);
    layer.widen = ReadLayer(name + "linear1", {config_.hidden(), width});
    layer.narrow = ReadLayer(name + "linear2", {width, config_.hidden()});
    layer.scale_attention = ReadScale(name + "gamma_1", width);
    layer.scale_hidden = ReadScale(name + "gamma_2", width);
    layer.norm_out = ReadNorm(name + "norm_out", width);
    return layer;
  }

  const HtDemucsConfig& config_;
  const bool is_spectrum_;
  const std::string prefix_, suffix_;
  const TensorSource source_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<Tensors> ReadTensors(const HtDemucsConfig& config, TensorSource source) {
  Tensors tensors;
  ASSIGN_OR_RETURN(tensors.spectrum, BranchReader(config, true, source).Read());
  ASSIGN_OR_RETURN(tensors.time, BranchReader(config, false, source).Read());
  ASSIGN_OR_RETURN(tensors.frequencies,
                   source({"freq_emb.embedding.weight",
                           {config.bins() / HtDemucsConfig::kStride, config.channels}}));
  return tensors;
}

}  // namespace vidmuse::htdemucs
