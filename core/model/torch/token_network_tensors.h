// The tensors of a TokenNetwork. Only its .cc files include this.
#ifndef VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/torch/token_network.h"

namespace vidmuse {

struct TokenNetwork::Norm {
  at::Tensor weight, bias;  // float
};

struct TokenNetwork::Layer {
  Norm norm1, norm_cross, norm2;
  at::Tensor self_qkv, self_out, cross_q, cross_kv, cross_out, linear1, linear2;  // [out][in]
};

struct TokenNetwork::Tensors {
  // Weights.
  at::Tensor embedding;        // float [codebooks * (card + 1)][dim]
  at::Tensor embedding_start;  // long [codebooks]: a codebook's first row
  at::Tensor positions;        // float [steps + 1][dim]
  std::vector<Layer> layers;
  Norm out_norm;
  at::Tensor heads;  // float [codebooks * card][dim]
  at::Tensor zero, masked;

  // Dimension 1 selects keys or values. Room for steps and condition tokens is a multiple of
  // kSplit.
  //
  // [layers][2][slots * 2 rows * room + kSpare][dim]. Idle slots write to the spare places behind
  // all slots.
  at::Tensor self;
  at::Tensor condition;  // [layers][2][slots][tokens][dim]
  at::Tensor null;       // [layers][2][50][dim]

  // Used within a step.
  at::Tensor row_start;  // long [slots * 2]: a row's first place in `self`
  at::Tensor spare;      // long [1]: the first place behind all slots
  int64_t room = 0;      // steps of a row in `self`
  at::Tensor attention;  // [slots * 2][dim]
  at::Tensor inputs, tokens, logits;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_TENSORS_H_
