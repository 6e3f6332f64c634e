#include "core/model/torch/codec_layer_tensors.h"

#include <ATen/ATen.h>

#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse {

using at::Tensor;

namespace {
constexpr int64_t kCudnnLstm = 2;  // CUDNN_LSTM of cudnnRNNMode_t
}

absl::StatusOr<Tensor> CodecLayerReader::Read(const NamedShape& tensor) const {
  ASSIGN_OR_RETURN(std::vector<float> values, weights_.Read(tensor));
  return ToDevice(std::move(values), tensor.shape, device_);
}

absl::StatusOr<CodecConv> CodecLayerReader::Conv(const ConvTensors& source) const {
  CodecConv conv;
  ASSIGN_OR_RETURN(std::vector<float> weight, weights_.ReadWeight(source));
  conv.weight = ToDevice(std::move(weight), source.direction.shape, device_);
  ASSIGN_OR_RETURN(conv.bias, Read(source.bias));
  return conv;
}

absl::StatusOr<std::vector<Tensor>> CodecLayerReader::Lstm(
    const std::vector<LstmTensors>& source) const {
  std::vector<Tensor> weights;
  for (const LstmTensors& layer : source) {
    for (const NamedShape* tensor :
         {&layer.weight_ih, &layer.weight_hh, &layer.bias_ih, &layer.bias_hh}) {
      ASSIGN_OR_RETURN(weights.emplace_back(), Read(*tensor));
    }
  }
  if (!weights.empty() && !weights[0].device().is_cpu()) {
    // Puts the weights into one buffer, or cuDNN would copy them into one at each call.
    const int64_t size = weights[1].size(1);
    at::_cudnn_rnn_flatten_weight(weights, /*weight_stride0=*/4, size, kCudnnLstm, size,
                                  /*proj_size=*/0, static_cast<int64_t>(source.size()),
                                  /*batch_first=*/false, /*bidirectional=*/false);
  }
  return weights;
}

}  // namespace vidmuse
