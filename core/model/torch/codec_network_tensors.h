// The tensors of a CodecNetwork. Only its .cc files include this.
#ifndef VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/torch/codec_network.h"

namespace vidmuse {

// `weight` is [out][in][kernel], or [in][out][kernel] for a transposed convolution.
struct CodecConv {
  at::Tensor weight, bias;
};

// ELU, transposed convolution and residual block.
struct CodecStage {
  CodecConv upsampling, residual3, residual1;
};

struct CodecNetwork::Tensors {
  // [codebooks * (bins + 1)][dimension]. Each codebook's last row is zero, for padding.
  at::Tensor codebooks;
  at::Tensor codebook_start;  // long [codebooks]
  CodecConv first, last;
  std::vector<at::Tensor> lstm;  // four per layer, as at::lstm takes them
  std::vector<CodecStage> stages;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_
