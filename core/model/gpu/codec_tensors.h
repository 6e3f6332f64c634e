// The tensors of a Codec. Only its .cc files include this: it includes Torch.
#ifndef VIDMUSE_MODEL_GPU_CODEC_TENSORS_H_
#define VIDMUSE_MODEL_GPU_CODEC_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/gpu/codec.h"
#include "core/model/torch/codec_layer_tensors.h"

namespace vidmuse::gpu {

// ELU, transposed convolution and residual block.
struct CodecStage {
  CodecConv upsampling, residual3, residual1;
};

struct Codec::Tensors {
  // [codebooks * (bins + 1)][dimension]. Each codebook's last row is zero, for padding.
  at::Tensor codebooks;
  at::Tensor codebook_start;  // long [codebooks]
  CodecConv first, last;
  std::vector<at::Tensor> lstm;  // four per layer, as at::lstm takes them
  std::vector<CodecStage> stages;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_CODEC_TENSORS_H_
