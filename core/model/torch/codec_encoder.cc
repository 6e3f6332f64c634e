#include "core/model/torch/codec_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/model/torch/codec_layer_tensors.h"

namespace vidmuse {

using at::Tensor;

namespace {

// What surrounds a convolution's input so that n samples give ceil(n / stride) outputs.
struct Padding {
  int64_t left = 0, right = 0;
};

Padding PaddingOf(int64_t kernel, int64_t stride) {
  const int64_t total = kernel - stride;
  return {total - total / 2, total / 2};
}

int64_t CeilDiv(int64_t n, int64_t by) { return (n + by - 1) / by; }

// How many frames on either side of a frame it depends on, before the LSTM. Counts how far a cut in
// the samples reaches.
int64_t ReachFrames(const CodecConfig& config) {
  int64_t reach = PaddingOf(config.kernel_size, 1).left;
  for (auto ratio = config.ratios.rbegin(); ratio != config.ratios.rend(); ++ratio) {
    reach += PaddingOf(config.residual_kernel_size, 1).left;
    reach = CeilDiv(reach + PaddingOf(int64_t{2} * *ratio, *ratio).left, *ratio);
  }
  return reach;
}

// Reflects as audiocraft does: a signal that is shorter than its padding is first followed by
// zeros.
Tensor Reflect(const Tensor& x, const Padding& padding) {
  const int64_t most = std::max(padding.left, padding.right);
  const int64_t missing = std::max<int64_t>(most + 1 - x.size(2), 0);
  const Tensor longer = missing > 0 ? at::constant_pad_nd(x, {0, missing}, 0) : x;
  const Tensor padded = at::reflection_pad1d(longer, {padding.left, padding.right});
  return padded.narrow(2, 0, padded.size(2) - missing);
}

// The index of each row's nearest code. `x`: [rows][dimension]; `codes`: [bins][dimension]. The
// distance is computed as in the published code, so that ties and near ties fall alike.
Tensor Nearest(const Tensor& x, const Tensor& codes) {
  const Tensor by_code = codes.t();
  const Tensor distance = -(x.pow(2).sum(1, /*keepdim=*/true) - 2 * x.matmul(by_code) +
                            by_code.pow(2).sum(0, /*keepdim=*/true));
  return std::get<1>(distance.max(/*dim=*/1));
}

}  // namespace

struct CodecEncoder::Tensors {
  struct Stage {
    CodecConv residual3, residual1, downsampling;
    int64_t stride = 1;
  };

  Tensor Conv(const CodecConv& conv, const Tensor& x, int64_t stride = 1) const;
  // x + conv1(elu(conv3(elu(x))))
  Tensor Residual(const Stage& stage, const Tensor& x) const;
  // `samples`: [n]; result: [width][ceil(n / samples_per_frame)].
  Tensor Downsample(const Tensor& samples) const;
  // `features`: [width][frames]; result: [dimension][frames].
  Tensor Latents(const Tensor& features) const;
  // `latents`: [dimension][frames]; result: int64 [frames][codebooks].
  Tensor Quantize(const Tensor& latents) const;

  bool reflect = false;
  float elu_alpha = 1;
  CodecConv first, last;
  std::vector<Stage> stages;
  std::vector<Tensor> lstm;       // four per layer
  std::vector<Tensor> codebooks;  // [bins][dimension]
};

Tensor CodecEncoder::Tensors::Conv(const CodecConv& conv, const Tensor& x, int64_t stride) const {
  Padding padding = PaddingOf(conv.weight.size(2), stride);
  padding.right += CeilDiv(x.size(2), stride) * stride - x.size(2);
  const Tensor padded =
      reflect ? Reflect(x, padding) : at::constant_pad_nd(x, {padding.left, padding.right}, 0);
  return at::conv1d(padded, conv.weight, conv.bias, stride);
}

Tensor CodecEncoder::Tensors::Residual(const Stage& stage, const Tensor& x) const {
  const Tensor hidden = Conv(stage.residual3, at::elu(x, elu_alpha));
  return x + Conv(stage.residual1, at::elu(hidden, elu_alpha));
}

Tensor CodecEncoder::Tensors::Downsample(const Tensor& samples) const {
  Tensor x = Conv(first, samples.view({1, 1, -1}));
  for (const Stage& stage : stages) {
    x = Residual(stage, x);
    x = Conv(stage.downsampling, at::elu(x, elu_alpha), stage.stride);
  }
  return x.squeeze(0);
}

Tensor CodecEncoder::Tensors::Latents(const Tensor& features) const {
  Tensor x = features.unsqueeze(0);
  if (!lstm.empty()) {
    const Tensor input = x.permute({2, 0, 1}).contiguous();
    const auto layers = static_cast<int64_t>(lstm.size()) / 4;
    const Tensor zeros = at::zeros({layers, 1, input.size(2)}, input.options());
    const Tensor output = std::get<0>(
        at::lstm(input, {zeros, zeros}, lstm, /*has_biases=*/true, layers, /*dropout=*/0.0,
                 /*train=*/false, /*bidirectional=*/false, /*batch_first=*/false));
    x = (output + input).permute({1, 2, 0});
  }
  return Conv(last, at::elu(x, elu_alpha)).squeeze(0);
}

Tensor CodecEncoder::Tensors::Quantize(const Tensor& latents) const {
  Tensor residual = latents.t().contiguous();
  std::vector<Tensor> tokens;
  for (const Tensor& codes : codebooks) {
    const Tensor chosen = Nearest(residual, codes);
    residual = residual - codes.index_select(0, chosen);
    tokens.push_back(chosen);
  }
  return at::stack(tokens, 1);
}

CodecEncoder::CodecEncoder(const CodecConfig& config, std::shared_ptr<DeviceStream> stream)
    : config_(config), stream_(std::move(stream)), t_(std::make_unique<Tensors>()) {
  t_->reflect = config.reflect_padding;
  t_->elu_alpha = config.elu_alpha;
}

CodecEncoder::~CodecEncoder() = default;

absl::StatusOr<std::unique_ptr<const CodecEncoder>> CodecEncoder::Load(
    const CodecConfig& config, CodecNames names, DeviceReader& reader,
    std::shared_ptr<DeviceStream> stream) {
  const bool has_encoder =
      CodecLayerReader(names, reader).Has(CodecEncoderTensors::Of(config).first.bias);
  if (!has_encoder) return nullptr;
  std::unique_ptr<CodecEncoder> encoder(new CodecEncoder(config, std::move(stream)));
  RETURN_IF_ERROR(encoder->ReadTensors(names, reader));
  return encoder;
}

absl::Status CodecEncoder::ReadTensors(CodecNames names, DeviceReader& reader) {
  const CodecLayerReader layers(names, reader);
  const CodecEncoderTensors source = CodecEncoderTensors::Of(config_);
  ASSIGN_OR_RETURN(t_->first, layers.Conv(source.first));
  auto ratio = config_.ratios.rbegin();
  for (const CodecEncoderTensors::Stage& tensors : source.stages) {
    Tensors::Stage stage;
    ASSIGN_OR_RETURN(stage.residual3, layers.Conv(tensors.residual.conv3));
    ASSIGN_OR_RETURN(stage.residual1, layers.Conv(tensors.residual.conv1));
    ASSIGN_OR_RETURN(stage.downsampling, layers.Conv(tensors.downsampling));
    stage.stride = *ratio++;
    t_->stages.push_back(std::move(stage));
  }
  ASSIGN_OR_RETURN(t_->lstm, layers.Lstm(source.lstm));
  ASSIGN_OR_RETURN(t_->last, layers.Conv(source.last));
  for (int k = 0; k < config_.codebooks; ++k) {
    ASSIGN_OR_RETURN(t_->codebooks.emplace_back(),
                     layers.Read(CodebookTensors::Of(config_, k).embed));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> CodecEncoder::Encode(absl::Span<const float> samples,
                                                          const CancelFlag& cancel) const {
  if (samples.empty()) return absl::InvalidArgumentError("there are no samples to encode");
  const auto count = static_cast<int64_t>(samples.size());
  const int64_t frame = config_.samples_per_frame();
  const int64_t frames = CeilDiv(count, frame);
  const int64_t reach = ReachFrames(config_);
  std::vector<Tensor> pieces;
  for (int64_t begin = 0; begin < frames; begin += kPieceFrames) {
    if (cancel.cancelled()) return absl::CancelledError("cancelled while the prompt was encoded");
    const int64_t end = std::min(begin + kPieceFrames, frames);
    const int64_t from = std::max<int64_t>(begin - reach, 0);
    const int64_t until = std::min((end + reach) * frame, count);
    const auto part = samples.subspan(from * frame, until - from * frame);
    RETURN_IF_ERROR(stream_->Run([&] {
      const Tensor input =
          ToDevice({part.begin(), part.end()}, {until - from * frame}, stream_->device());
      pieces.push_back(t_->Downsample(input).narrow(1, begin - from, end - begin).contiguous());
      return absl::OkStatus();
    }));
  }
  std::vector<int32_t> tokens(static_cast<size_t>(frames) * config_.codebooks);
  RETURN_IF_ERROR(stream_->Run([&] {
    const Tensor chosen = t_->Quantize(t_->Latents(at::cat(pieces, 1))).to(at::kInt).cpu();
    std::copy_n(chosen.contiguous().const_data_ptr<int>(), tokens.size(), tokens.begin());
    return absl::OkStatus();
  }));
  return tokens;
}

}  // namespace vidmuse
