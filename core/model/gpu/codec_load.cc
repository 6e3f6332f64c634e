// Loads the decoder's weights from a checkpoint.
#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/gpu/codec_tensors.h"
#include "core/model/torch/codec_layer_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::gpu {

using at::Tensor;

class CodecLoader {
 public:
  CodecLoader(Codec& codec, CodecNames names, DeviceReader& reader)
      : config_(codec.config_), t_(*codec.t_), layers_(names, reader) {}

  absl::Status Load() {
    RETURN_IF_ERROR(LoadCodebooks());
    const CodecDecoderTensors source = CodecDecoderTensors::Of(config_);
    ASSIGN_OR_RETURN(t_.first, layers_.Conv(source.first));
    ASSIGN_OR_RETURN(t_.lstm, layers_.Lstm(source.lstm));
    for (const CodecDecoderTensors::Stage& tensors : source.stages) {
      CodecStage stage;
      ASSIGN_OR_RETURN(stage.upsampling, layers_.Conv(tensors.upsampling));
      ASSIGN_OR_RETURN(stage.residual3, layers_.Conv(tensors.residual.conv3));
      ASSIGN_OR_RETURN(stage.residual1, layers_.Conv(tensors.residual.conv1));
      t_.stages.push_back(std::move(stage));
    }
    ASSIGN_OR_RETURN(t_.last, layers_.Conv(source.last));
    return absl::OkStatus();
  }

 private:
  absl::Status LoadCodebooks() {
    std::vector<Tensor> tables;
    for (int k = 0; k < config_.codebooks; ++k) {
      ASSIGN_OR_RETURN(const Tensor table, layers_.Read(CodebookTensors::Of(config_, k).embed));
      tables.push_back(table);
      tables.push_back(at::zeros({1, config_.dimension}, table.options()));
    }
    t_.codebooks = at::cat(tables);
    t_.codebook_start =
        at::arange(config_.codebooks, t_.codebooks.options().dtype(at::kLong)) * (config_.bins + 1);
    return absl::OkStatus();
  }

  const CodecConfig& config_;
  Codec::Tensors& t_;
  const CodecLayerReader layers_;
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
                                                         CodecNames names, DeviceReader& reader) {
  std::shared_ptr<Codec> codec(new Codec(config));
  RETURN_IF_ERROR(RunTorch([&] { return CodecLoader(*codec, names, reader).Load(); }));
  return std::shared_ptr<const Codec>(std::move(codec));
}

}  // namespace vidmuse::gpu
