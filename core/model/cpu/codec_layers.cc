#include "core/model/cpu/codec_layers.h"

#include <algorithm>
#include <cmath>

namespace vidmuse::cpu {
namespace {

// [out][in][kernel] -> [out][kernel][in]
PackedLinear PackConv(const std::vector<float>& weight, const std::vector<float>& bias, int out,
                      int in, int kernel) {
  std::vector<float> packed(weight.size());
  for (int o = 0; o < out; ++o) {
    for (int i = 0; i < in; ++i) {
      for (int k = 0; k < kernel; ++k) {
        packed[(static_cast<size_t>(o) * kernel + k) * in + i] =
            weight[(static_cast<size_t>(o) * in + i) * kernel + k];
      }
    }
  }
  return PackedLinear(packed.data(), bias.data(), out, kernel * in);
}

// [in][out][2 * stride] -> [stride * out][2 * in].
// Output phase j is W[.., j + stride] x[t - 1] + W[.., j] x[t].
PackedLinear PackUpsampling(const std::vector<float>& weight, const std::vector<float>& bias,
                            int in, int out, int stride) {
  std::vector<float> packed(weight.size());
  std::vector<float> biases(static_cast<size_t>(stride) * out);
  for (int j = 0; j < stride; ++j) {
    for (int o = 0; o < out; ++o) {
      const size_t row = static_cast<size_t>(j) * out + o;
      biases[row] = bias[o];
      for (int i = 0; i < in; ++i) {
        const float* taps = weight.data() + (static_cast<size_t>(i) * out + o) * 2 * stride;
        packed[row * 2 * in + i] = taps[j + stride];
        packed[row * 2 * in + in + i] = taps[j];
      }
    }
  }
  return PackedLinear(packed.data(), biases.data(), stride * out, 2 * in);
}

void Append(const Signal& x, Signal* to) { to->insert(to->end(), x.begin(), x.end()); }

void AppendRow(const Signal& x, int64_t row, int channels, Signal* to) {
  for (int c = 0; c < channels; ++c) to->push_back(x[row * channels + c]);
}

// Adds the left padding. A padding that is reflected must be shorter than the buffer.
void PadLeft(const ConvWeights& w, Signal& buffer) {
  Signal padded;
  padded.reserve(buffer.size() + static_cast<size_t>(w.pad_left()) * w.in);
  for (int i = w.pad_left(); i > 0; --i) {
    if (w.reflect) {
      AppendRow(buffer, i, w.in, &padded);
    } else {
      padded.insert(padded.end(), w.in, 0.0f);
    }
  }
  Append(buffer, &padded);
  buffer = std::move(padded);
}

void PadRight(const ConvWeights& w, Signal& buffer) {
  const int64_t end = static_cast<int64_t>(buffer.size()) / w.in;
  for (int i = 0; i < w.pad_right(); ++i) {
    if (w.reflect) {
      AppendRow(buffer, end - 2 - i, w.in, &buffer);
    } else {
      buffer.insert(buffer.end(), w.in, 0.0f);
    }
  }
}

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

ConvWeights::ConvWeights(const std::vector<float>& weight, const std::vector<float>& bias, int out,
                         int in, int kernel, bool reflect_padding)
    : out(out),
      in(in),
      kernel(kernel),
      reflect(reflect_padding),
      linear(PackConv(weight, bias, out, in, kernel)) {}

void Convolve(const ConvWeights& w, const Kernels& kernels, const Signal& x, bool last,
              ConvState& state, Signal* y) {
  Append(x, &state.buffer);
  // A whole stream that is shorter than the padding is padded with zeros first, as in the
  // reference.
  int64_t extra = 0;
  if (!state.started) {
    const int64_t have = static_cast<int64_t>(state.buffer.size()) / w.in;
    const int64_t need = w.reflect ? std::max(w.pad_left(), w.pad_right()) + 1 : 0;
    if (have < need) {
      if (!last) return;
      if (have == 0) return;
      extra = need - have;
      state.buffer.resize(static_cast<size_t>(need) * w.in, 0.0f);
    }
    PadLeft(w, state.buffer);
    state.started = true;
  }
  if (last) PadRight(w, state.buffer);
  const int64_t rows = static_cast<int64_t>(state.buffer.size()) / w.in - (w.kernel - 1) - extra;
  if (rows <= 0) return;
  const size_t start = y->size();
  y->resize(start + static_cast<size_t>(rows) * w.out);
  w.linear.Apply(kernels, state.buffer.data(), w.in, rows, y->data() + start, w.out);
  state.buffer.erase(state.buffer.begin(), state.buffer.begin() + rows * w.in);
}

UpsamplingWeights::UpsamplingWeights(const std::vector<float>& weight,
                                     const std::vector<float>& bias, int in, int out, int stride)
    : in(in), out(out), stride(stride), linear(PackUpsampling(weight, bias, in, out, stride)) {}

void Upsample(const UpsamplingWeights& w, const Kernels& kernels, const Signal& x, bool last,
              UpsamplingState& state, Signal* y) {
  if (state.previous.empty()) state.previous.assign(w.in, 0.0f);
  // The stream ends with one more row: the second half of the last input, followed by silence.
  Signal input = state.previous;
  Append(x, &input);
  if (last) input.insert(input.end(), w.in, 0.0f);
  const int64_t rows = static_cast<int64_t>(input.size()) / w.in - 1;
  if (rows <= 0) return;
  Signal out(static_cast<size_t>(rows) * w.stride * w.out);
  w.linear.Apply(kernels, input.data(), w.in, rows, out.data(),
                 static_cast<int64_t>(w.stride) * w.out);
  state.previous.assign(input.end() - w.in, input.end());

  const int trim_right = w.stride / 2;
  const int trim_left = w.stride - trim_right;
  size_t begin = 0;
  size_t end = out.size();
  if (!state.started) begin = static_cast<size_t>(trim_left) * w.out;
  if (last) end -= static_cast<size_t>(w.stride - trim_left) * w.out;
  state.started = true;
  y->insert(y->end(), out.begin() + begin, out.begin() + end);
}

void Residual(const ConvWeights& conv3, const ConvWeights& conv1, float elu_alpha,
              const Kernels& kernels, const Signal& x, bool last, ResidualState& state, Signal* y) {
  Signal activated(x.size());
  kernels.elu(x.data(), static_cast<int64_t>(x.size()), elu_alpha, activated.data());
  Signal hidden;
  Convolve(conv3, kernels, activated, last, state.conv3, &hidden);
  kernels.elu(hidden.data(), static_cast<int64_t>(hidden.size()), elu_alpha, hidden.data());
  Signal out;
  Convolve(conv1, kernels, hidden, last, state.conv1, &out);
  Append(x, &state.skip);
  for (size_t i = 0; i < out.size(); ++i) out[i] += state.skip[i];
  state.skip.erase(state.skip.begin(), state.skip.begin() + static_cast<int64_t>(out.size()));
  Append(out, y);
}

LstmWeights::LstmWeights(const std::vector<float>& input_weight,
                         const std::vector<float>& hidden_weight,
                         const std::vector<float>& input_bias,
                         const std::vector<float>& hidden_bias, int size)
    : size(size) {
  std::vector<float> bias(input_bias.size());
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = input_bias[i] + hidden_bias[i];
  input = PackedLinear(input_weight.data(), bias.data(), 4 * size, size);
  hidden = PackedLinear(hidden_weight.data(), nullptr, 4 * size, size);
}

void Lstm(const LstmWeights& w, const Kernels& kernels, const Signal& x, LstmState& state,
          Signal* y) {
  const int n = w.size;
  const int64_t steps = static_cast<int64_t>(x.size()) / n;
  if (state.h.empty()) {
    state.h.assign(n, 0.0f);
    state.c.assign(n, 0.0f);
  }
  std::vector<float> gates(static_cast<size_t>(steps) * 4 * n);
  w.input.Apply(kernels, x.data(), n, steps, gates.data(), 4 * n);
  for (int64_t t = 0; t < steps; ++t) {
    float* gate = gates.data() + t * 4 * n;
    w.hidden.Apply(kernels, state.h.data(), n, 1, gate, 4 * n, /*accumulate=*/true);
    for (int i = 0; i < n; ++i) {
      const float input = Sigmoid(gate[i]);
      const float forget = Sigmoid(gate[n + i]);
      const float cell = std::tanh(gate[2 * n + i]);
      const float output = Sigmoid(gate[3 * n + i]);
      state.c[i] = forget * state.c[i] + input * cell;
      state.h[i] = output * std::tanh(state.c[i]);
    }
    y->insert(y->end(), state.h.begin(), state.h.end());
  }
}

}  // namespace vidmuse::cpu
