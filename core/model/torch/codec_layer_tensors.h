// Reads the layers of EnCodec from a checkpoint onto a device. Only .cc files of this folder and of
// gpu include this: it includes Torch.
#ifndef VIDMUSE_MODEL_TORCH_CODEC_LAYER_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_CODEC_LAYER_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/checkpoint/codec_weights.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

// `weight` is [out][in][kernel], or [in][out][kernel] for a transposed convolution. The weight norm
// is folded in.
struct CodecConv {
  at::Tensor weight, bias;
};

// Errors name the tensor. Methods may throw c10::Error, so call them inside RunTorch.
class CodecLayerReader {
 public:
  // `reader` must outlive this.
  CodecLayerReader(CodecNames names, DeviceReader& reader)
      : weights_(names, &reader.weights()), device_(reader.device()) {}

  bool Has(const NamedShape& tensor) const { return weights_.Has(tensor); }
  absl::StatusOr<at::Tensor> Read(const NamedShape& tensor) const;
  absl::StatusOr<CodecConv> Conv(const ConvTensors& source) const;
  // Four tensors per layer, as at::lstm takes them. May be empty.
  absl::StatusOr<std::vector<at::Tensor>> Lstm(const std::vector<LstmTensors>& source) const;

 private:
  const CodecWeights weights_;
  const std::string device_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CODEC_LAYER_TENSORS_H_
