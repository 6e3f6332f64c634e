// The token model's tensors in the published files: MusicGen's transformer ("Simple and
// Controllable Music Generation", Copet et al., 2023), as audiocraft names it.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_TOKEN_MODEL_TENSORS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_TOKEN_MODEL_TENSORS_H_

#include <vector>

#include "core/model/architecture/model_config.h"
#include "core/model/architecture/tensors.h"

namespace vidmuse {

// A decoder layer, pre-norm and without biases:
//   x += self_out * attend(self_qkv * norm1(x)), causal
//   x += cross_out * attend(cross_qkv's queries of norm_cross(x), its keys and values of the
//                           condition)
//   x += linear2 * gelu(linear1 * norm2(x))
struct TokenLayerTensors {
  NormTensors norm1, norm_cross, norm2;
  NamedShape self_qkv, cross_qkv;  // [3 dim, dim]: queries, keys, values
  NamedShape self_out, cross_out;  // [dim, dim]
  NamedShape linear1;              // [ffn, dim]
  NamedShape linear2;              // [dim, ffn]
};

struct TokenModelTensors {
  std::vector<NamedShape> embeddings;  // [card + 1, dim] for each codebook; `card` is special
  std::vector<TokenLayerTensors> layers;
  NormTensors out_norm;
  std::vector<NamedShape> heads;  // [card, dim] for each codebook

  static TokenModelTensors Of(const LmConfig& config);
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_TOKEN_MODEL_TENSORS_H_
