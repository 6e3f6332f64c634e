// The tensors of a TokenModel. Only its .cc files include this: it includes Torch.
#ifndef VIDMUSE_MODEL_GPU_TOKEN_MODEL_TENSORS_H_
#define VIDMUSE_MODEL_GPU_TOKEN_MODEL_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/gpu/token_model.h"

namespace vidmuse::gpu {

struct TokenModel::Norm {
  at::Tensor weight, bias;  // float
};

struct TokenModel::Layer {
  Norm norm1, norm_cross, norm2;
  at::Tensor self_qkv, self_out, cross_q, cross_kv, cross_out, linear1, linear2;  // [out][in]
};

struct TokenModel::Tensors {
  // Weights.
  at::Tensor embedding;        // float [codebooks * (card + 1)][dim]
  at::Tensor embedding_start;  // long [codebooks]: a codebook's first row
  at::Tensor positions;        // float [steps + 1][dim]
  std::vector<Layer> layers;
  Norm out_norm;
  at::Tensor heads;        // float [codebooks * card][dim]
  at::Tensor short_heads;  // the same in 16 bits, for kernels; undefined in float32
  at::Tensor zero, masked;

  // Dimension 1 selects keys or values. Room for steps and condition tokens is a multiple of
  // kSplit.
  //
  // [layers][2][slots * 2 rows * heads * room + kSpare][head_dim]. Idle slots write to the spare
  // places behind all slots.
  at::Tensor self;
  at::Tensor condition;  // [layers][2][slots][heads][tokens][head_dim]
  at::Tensor null;       // [layers][2][heads][50][head_dim]

  // Used within a step.
  at::Tensor row_start;  // long [slots * 2 * heads]: a row's and head's first place in `self`
  at::Tensor spare;      // long [1]: the first place behind all slots
  int64_t room = 0;      // positions of a row in `self`
  at::Tensor attention;  // [slots * 2][dim]
  at::Tensor inputs, tokens, logits;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_TOKEN_MODEL_TENSORS_H_
