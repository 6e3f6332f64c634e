// Loads the decoder's weights from a checkpoint with audiocraft's or Hugging Face's names.
#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/gpu/codec_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::gpu {

using at::Tensor;

namespace {
constexpr int64_t kCudnnLstm = 2;  // CUDNN_LSTM of cudnnRNNMode_t
}

class CodecLoader {
 public:
  CodecLoader(Codec& network, bool hugging_face, DeviceReader& reader)
      : config_(network.config_), t_(*network.t_), hf_(hugging_face), reader_(reader) {}

  absl::Status Load() {
    RETURN_IF_ERROR(LoadCodebooks());
    // The sequential model has these positions: convolution, LSTM, for each ratio an ELU, a
    // transposed convolution and a residual block, and at the end an ELU and a convolution.
    int64_t channels = int64_t{config_.n_filters} << config_.ratios.size();
    int position = 0;
    ASSIGN_OR_RETURN(
        t_.first, Conv(absl::StrCat(position++), channels, config_.dimension, config_.kernel_size));
    if (config_.lstm_layers > 0) RETURN_IF_ERROR(LoadLstm(absl::StrCat(position++), channels));
    for (const int ratio : config_.ratios) {
      CodecStage stage;
      ASSIGN_OR_RETURN(stage.upsampling, Upsampling(absl::StrCat(position + 1), channels, ratio));
      channels /= 2;
      const std::string block = absl::StrCat(position + 2, ".block.");
      const int64_t hidden = channels / config_.compress;
      ASSIGN_OR_RETURN(stage.residual3,
                       Conv(block + "1", hidden, channels, config_.residual_kernel_size));
      ASSIGN_OR_RETURN(stage.residual1, Conv(block + "3", channels, hidden, 1));
      t_.stages.push_back(std::move(stage));
      position += 3;
    }
    ASSIGN_OR_RETURN(t_.last,
                     Conv(absl::StrCat(position + 1), 1, channels, config_.last_kernel_size));
    return absl::OkStatus();
  }

 private:
  absl::Status LoadCodebooks() {
    std::vector<Tensor> tables;
    for (int k = 0; k < config_.codebooks; ++k) {
      const std::string name = hf_ ? absl::StrCat("quantizer.layers.", k, ".codebook.embed")
                                   : absl::StrCat("quantizer.vq.layers.", k, "._codebook.embed");
      ASSIGN_OR_RETURN(const Tensor table, reader_.Read(name, {config_.bins, config_.dimension}));
      tables.push_back(table);
      tables.push_back(at::zeros({1, config_.dimension}, table.options()));
    }
    t_.codebooks = at::cat(tables);
    t_.codebook_start =
        at::arange(config_.codebooks, t_.codebooks.options().dtype(at::kLong)) * (config_.bins + 1);
    return absl::OkStatus();
  }

  absl::StatusOr<CodecConv> Conv(const std::string& at, int64_t out, int64_t in, int64_t kernel) {
    const std::string prefix = Layer(at) + (hf_ ? ".conv" : ".conv.conv");
    CodecConv conv;
    ASSIGN_OR_RETURN(conv.weight, NormedWeight(prefix, {out, in, kernel}));
    ASSIGN_OR_RETURN(conv.bias, reader_.Read(prefix + ".bias", {out}));
    return conv;
  }

  absl::StatusOr<CodecConv> Upsampling(const std::string& at, int64_t in, int64_t stride) {
    const std::string prefix = Layer(at) + (hf_ ? ".conv" : ".convtr.convtr");
    CodecConv conv;
    ASSIGN_OR_RETURN(conv.weight, NormedWeight(prefix, {in, in / 2, 2 * stride}));
    ASSIGN_OR_RETURN(conv.bias, reader_.Read(prefix + ".bias", {in / 2}));
    return conv;
  }

  absl::Status LoadLstm(const std::string& at, int64_t size) {
    for (int layer = 0; layer < config_.lstm_layers; ++layer) {
      for (const auto& [part, shape] : std::vector<std::pair<const char*, std::vector<int64_t>>>{
               {"weight_ih", {4 * size, size}},
               {"weight_hh", {4 * size, size}},
               {"bias_ih", {4 * size}},
               {"bias_hh", {4 * size}}}) {
        ASSIGN_OR_RETURN(t_.lstm.emplace_back(),
                         reader_.Read(absl::StrCat(Layer(at), ".lstm.", part, "_l", layer), shape));
      }
    }
    if (!t_.lstm[0].device().is_cpu()) {
      // Puts the weights into one buffer, or cuDNN would copy them into one at each call.
      at::_cudnn_rnn_flatten_weight(t_.lstm, /*weight_stride0=*/4, size, kCudnnLstm, size,
                                    /*proj_size=*/0, config_.lstm_layers, /*batch_first=*/false,
                                    /*bidirectional=*/false);
    }
    return absl::OkStatus();
  }

  std::string Layer(const std::string& at) const {
    return absl::StrCat(hf_ ? "decoder.layers." : "decoder.model.", at);
  }

  // weight = g v / |v|, where the norm is taken over all dimensions but the first (Salimans and
  // Kingma, 2016).
  absl::StatusOr<Tensor> NormedWeight(const std::string& prefix,
                                      const std::vector<int64_t>& shape) {
    const std::string parametrized = prefix + ".parametrizations.weight.original";
    const bool newer = reader_.weights().Has(parametrized + "0");
    ASSIGN_OR_RETURN(const Tensor g, reader_.Read(newer ? parametrized + "0" : prefix + ".weight_g",
                                                  {shape[0], 1, 1}));
    const std::string v_name = newer ? parametrized + "1" : prefix + ".weight_v";
    ASSIGN_OR_RETURN(const Tensor v, reader_.Read(v_name, shape));
    const Tensor norm = v.to(at::kDouble).flatten(1).norm(2, 1);
    if (norm.min().item<double>() == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", v_name, "': a row is all zero, so it has no direction"));
    }
    return v * (g / norm.view({-1, 1, 1}).to(at::kFloat));
  }

  const CodecConfig& config_;
  Codec::Tensors& t_;
  const bool hf_;
  DeviceReader& reader_;
};

CodecReach ReachOf(const CodecConfig& config) {
  const auto right = [](int kernel) { return (kernel - 1) / 2; };
  const auto left = [&](int kernel) { return kernel - 1 - right(kernel); };
  CodecReach reach;
  // Number of samples at a piece's start that are wrong because the frames before are missing.
  int spoilt = 0;
  for (const int stride : config.ratios) {
    const int trim = stride - stride / 2;
    reach.lookahead_samples =
        stride * reach.lookahead_samples + trim + right(config.residual_kernel_size);
    spoilt = stride * (spoilt + 1) - trim + left(config.residual_kernel_size);
  }
  reach.lookahead_samples += right(config.last_kernel_size);
  spoilt += left(config.last_kernel_size);
  const int frame = config.samples_per_frame();
  reach.context_frames = (spoilt + reach.lookahead_samples + frame - 1) / frame;
  return reach;
}

Codec::Codec(const CodecConfig& config)
    : config_(config), reach_(ReachOf(config)), t_(std::make_unique<Tensors>()) {}

Codec::~Codec() = default;

size_t Codec::weight_bytes() const {
  size_t bytes = 0;
  const auto add = [&](const CodecConv& conv) {
    bytes += conv.weight.nbytes() + conv.bias.nbytes();
  };
  add(t_->first);
  add(t_->last);
  for (const Tensor& tensor : t_->lstm) bytes += tensor.nbytes();
  for (const CodecStage& stage : t_->stages) {
    add(stage.upsampling);
    add(stage.residual3);
    add(stage.residual1);
  }
  return bytes;
}

absl::StatusOr<std::shared_ptr<const Codec>> Codec::Load(const CodecConfig& config,
                                                         bool hugging_face, DeviceReader& reader) {
  std::shared_ptr<Codec> network(new Codec(config));
  RETURN_IF_ERROR(RunTorch([&] { return CodecLoader(*network, hugging_face, reader).Load(); }));
  return std::shared_ptr<const Codec>(std::move(network));
}

}  // namespace vidmuse::gpu
