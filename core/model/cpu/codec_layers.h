// The layers of EnCodec's decoder (SEANet, Défossez et al., "High Fidelity Neural Audio
// Compression", 2022), each with the state it carries from one piece of a stream to the next.
// Signals are [time][channels].
#ifndef VIDMUSE_MODEL_CPU_CODEC_LAYERS_H_
#define VIDMUSE_MODEL_CPU_CODEC_LAYERS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/kernels/packed_linear.h"

namespace vidmuse::cpu {

using Signal = std::vector<float>;

// Convolution of stride 1 whose output is as long as its input: (kernel - 1) / 2 steps of padding
// on the right, the rest on the left.
struct ConvWeights {
  ConvWeights() = default;
  // `weight`: [out][in][kernel].
  ConvWeights(const std::vector<float>& weight, const std::vector<float>& bias, int out, int in,
              int kernel, bool reflect_padding, Precision precision);

  int out = 0;
  int in = 0;
  int kernel = 1;
  bool reflect = false;
  PackedLinear linear;  // [out, kernel * in], unless there is `dot`
  // In reduced precision, a layer with one output has its weights here instead, as float32: a panel
  // would compute many outputs in vain. The bias comes last.
  std::vector<float> dot;

  int pad_right() const { return (kernel - 1) / 2; }
  int pad_left() const { return kernel - 1 - pad_right(); }
};

struct ConvState {
  Signal buffer;         // padded input that later outputs need
  bool started = false;  // the left padding is in the buffer
};

// Appends to `y` the outputs that are final once `x` has arrived; with `last`, all that remain.
void Convolve(const ConvWeights& weights, const Kernels& kernels, const Signal& x, bool last,
              ConvState& state, Signal* y);

// Transposed convolution with kernel 2 * stride. Each input gives `stride` outputs, and the last
// one `stride` more. That many are trimmed: ceil(stride / 2) from the start, the rest from the end.
struct UpsamplingWeights {
  UpsamplingWeights() = default;
  // `weight`: [in][out][2 * stride].
  UpsamplingWeights(const std::vector<float>& weight, const std::vector<float>& bias, int in,
                    int out, int stride, Precision precision);

  int in = 0;
  int out = 0;
  int stride = 1;
  PackedLinear linear;  // [stride * out, 2 * in]: two neighbouring inputs give stride outputs
};

struct UpsamplingState {
  Signal previous;       // the last input, [in]; zeros before the first
  bool started = false;  // the left trim is done
};

// `y` is empty before.
void Upsample(const UpsamplingWeights& weights, const Kernels& kernels, absl::Span<const float> x,
              bool last, UpsamplingState& state, Signal* y);

// y = x + conv1(elu(conv3(elu(x)))). Outputs lag the input by conv3's right padding. `y` is empty
// before.
struct ResidualState {
  ConvState conv3;
  ConvState conv1;
  Signal skip;  // inputs whose output is still to come
};

void Residual(const ConvWeights& conv3, const ConvWeights& conv1, float elu_alpha,
              const Kernels& kernels, const Signal& x, bool last, ResidualState& state, Signal* y);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_CODEC_LAYERS_H_
