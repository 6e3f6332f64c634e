// The weights of HTDemucs. Only the .cc files of HTDemucs include this: it includes Torch.
#ifndef VIDMUSE_EXTRACTORS_HTDEMUCS_TENSORS_H_
#define VIDMUSE_EXTRACTORS_HTDEMUCS_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/extractors/htdemucs_config.h"
#include "core/model/architecture/tensors.h"

namespace vidmuse::htdemucs {

// Of a convolution, a linear layer or a norm.
struct Layer {
  at::Tensor weight, bias;
};

// x + scale * glu(norm2(widen(gelu(norm1(narrow(x))))))
struct Residual {
  Layer narrow, norm1, widen, norm2;
  at::Tensor scale;
};

struct Encoder {
  Layer conv, rewrite;
  std::vector<Residual> residuals;
};

struct Decoder {
  Layer rewrite, conv;  // `conv` is transposed
  std::vector<Residual> residuals;
};

struct Transformer {
  bool is_cross = false;  // the keys and values are those of the other branch
  Layer norm_query;
  Layer norm_key;       // only if is_cross
  Layer input, output;  // `input` makes queries, keys and values, in this order
  Layer norm_hidden, widen, narrow;
  at::Tensor scale_attention, scale_hidden;
  Layer norm_out;
};

// One of the two branches: over the spectrogram, or over the samples.
struct Branch {
  std::vector<Encoder> encoders;
  std::vector<Decoder> decoders;  // the first one follows the transformer
  Layer up, down;                 // before and after the transformer
  Layer norm_in;
  std::vector<Transformer> transformers;
};

struct Tensors {
  Branch spectrum, time;
  at::Tensor frequencies;  // [frequencies after the first layer, channels]
};

// Gives the values of a tensor, or only its place for one who lists them.
using TensorSource = absl::FunctionRef<absl::StatusOr<at::Tensor>(const NamedShape&)>;

// Asks `source` for every tensor of the network, under its name in the published state dict. The
// error is the source's first.
absl::StatusOr<Tensors> ReadTensors(const HtDemucsConfig& config, TensorSource source);

}  // namespace vidmuse::htdemucs

#endif  // VIDMUSE_EXTRACTORS_HTDEMUCS_TENSORS_H_
