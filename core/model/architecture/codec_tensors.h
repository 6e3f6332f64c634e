// EnCodec's tensors ("High Fidelity Neural Audio Compression", Defossez et al., 2022) in
// audiocraft's files, and their names in Hugging Face's.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_CODEC_TENSORS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_CODEC_TENSORS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/tensors.h"

namespace vidmuse {

// A convolution with a weight norm: weight = gain * direction / |direction|, where the norm is
// taken over all dimensions but the first (Salimans and Kingma, 2016). `direction` is [out, in,
// kernel], or [in, out, kernel] of a transposed convolution; `gain` is [direction's rows, 1, 1].
struct ConvTensors {
  NamedShape bias, gain, direction;
};

// x + conv1(elu(conv3(elu(x)))). conv3 has the residual kernel's size, conv1 a size of 1.
struct ResidualTensors {
  ConvTensors conv3, conv1;
};

// One layer of an LSTM, with the gates in PyTorch's order.
struct LstmTensors {
  NamedShape weight_ih, weight_hh;  // [4 width, width]
  NamedShape bias_ih, bias_hh;      // [4 width]
};

struct CodecEncoderTensors {
  struct Stage {
    ResidualTensors residual;
    ConvTensors downsampling;  // of the ELU of the residual block's result
  };
  ConvTensors first;
  std::vector<Stage> stages;  // of the last ratio to the first
  std::vector<LstmTensors> lstm;
  ConvTensors last;  // of the ELU of what is before it

  static CodecEncoderTensors Of(const CodecConfig& config);
};

struct CodecDecoderTensors {
  struct Stage {
    ConvTensors upsampling;  // of the ELU of what is before it
    ResidualTensors residual;
  };
  ConvTensors first;
  std::vector<LstmTensors> lstm;  // its input is added to its output
  std::vector<Stage> stages;      // of the first ratio to the last
  ConvTensors last;               // of the ELU of what is before it

  static CodecDecoderTensors Of(const CodecConfig& config);
};

struct CodebookTensors {
  NamedShape inited, cluster_size;
  NamedShape embed, embed_avg;  // [bins, dimension]

  static CodebookTensors Of(const CodecConfig& config, int codebook);
};

// All tensors of a compression_state_dict.bin, in its order.
std::vector<NamedShape> CodecTensors(const CodecConfig& config);

// Parts of the names of tensors that only training needs.
std::vector<std::string> UnusedCodecTensors();

// Whether a tensor of that name belongs to a codebook, and whether it is one of its counts.
bool IsCodebookTensor(absl::string_view name);
bool IsCodebookCount(absl::string_view name);

// The name in Hugging Face's files of the tensor that audiocraft calls `name`.
std::string HuggingFaceCodecName(const std::string& name);
// The name that PyTorch's newer weight norm has for a gain or a direction. Others keep theirs.
std::string ParametrizedName(const std::string& name);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_CODEC_TENSORS_H_
