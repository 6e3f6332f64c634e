// What a CodecNetwork holds. For its .cc files alone: they include Torch before this.
#ifndef VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_

#include <vector>

#include "core/model/torch/codec_network.h"

namespace vidmuse {

struct CodecConv {
  at::Tensor weight, bias;  // [out][in][kernel]; transposed: [in][out][kernel]
};

struct CodecStage {  // ELU, transposed convolution, residual block
  CodecConv upsampling, residual3, residual1;
};

struct CodecNetwork::Tensors {
  // [codebooks * (bins + 1)][dimension]; each codebook's last row is zero: padding.
  at::Tensor codebooks;
  at::Tensor codebook_start;  // long [codebooks]
  CodecConv first, last;
  std::vector<at::Tensor> lstm;  // at::lstm's: four a layer
  std::vector<CodecStage> stages;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CODEC_NETWORK_TENSORS_H_
