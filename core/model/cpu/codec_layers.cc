#include "core/model/cpu/codec_layers.h"

#include <algorithm>
#include <utility>

namespace vidmuse::cpu {
namespace {

// [out][in][kernel] -> [out][kernel][in]
std::vector<float> TapsFirst(const std::vector<float>& weight, int out, int in, int kernel) {
  std::vector<float> packed(weight.size());
  for (int o = 0; o < out; ++o) {
    for (int i = 0; i < in; ++i) {
      for (int k = 0; k < kernel; ++k) {
        packed[(static_cast<size_t>(o) * kernel + k) * in + i] =
            weight[(static_cast<size_t>(o) * in + i) * kernel + k];
      }
    }
  }
  return packed;
}

// [in][out][2 * stride] -> [stride * out][2 * in].
// Output phase j is W[.., j + stride] x[t - 1] + W[.., j] x[t].
PackedLinear PackUpsampling(const std::vector<float>& weight, const std::vector<float>& bias,
                            int in, int out, int stride, Precision precision) {
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
  return PackedLinear(packed.data(), biases.data(), stride * out, 2 * in, precision);
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

}  // namespace

ConvWeights::ConvWeights(const std::vector<float>& weight, const std::vector<float>& bias, int out,
                         int in, int kernel, bool reflect_padding, Precision precision)
    : out(out), in(in), kernel(kernel), reflect(reflect_padding) {
  const std::vector<float> packed = TapsFirst(weight, out, in, kernel);
  if (out == 1 && precision != Precision::kFp32) {
    dot = packed;
    dot.push_back(bias[0]);
  } else {
    linear = PackedLinear(packed.data(), bias.data(), out, kernel * in, precision);
  }
}

void Convolve(const ConvWeights& w, const Kernels& kernels, const Signal& x, bool last,
              ConvState& state, Signal* y) {
  if (w.kernel == 1) {  // nothing to keep
    const int64_t rows = static_cast<int64_t>(x.size()) / w.in;
    const size_t start = y->size();
    y->resize(start + static_cast<size_t>(rows) * w.out);
    return ApplyRows(w.linear, kernels, x.data(), w.in, rows, y->data() + start, w.out);
  }
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
  const float* x_rows = state.buffer.data();
  if (w.dot.empty()) {
    ApplyRows(w.linear, kernels, x_rows, w.in, rows, y->data() + start, w.out);
  } else {
    const int taps = w.kernel * w.in;
    for (int64_t row = 0; row < rows; ++row) {
      (*y)[start + row] = w.dot[taps] + kernels.dot(w.dot.data(), x_rows + row * w.in, taps);
    }
  }
  state.buffer.erase(state.buffer.begin(), state.buffer.begin() + rows * w.in);
}

UpsamplingWeights::UpsamplingWeights(const std::vector<float>& weight,
                                     const std::vector<float>& bias, int in, int out, int stride,
                                     Precision precision)
    : in(in),
      out(out),
      stride(stride),
      linear(PackUpsampling(weight, bias, in, out, stride, precision)) {}

void Upsample(const UpsamplingWeights& w, const Kernels& kernels, absl::Span<const float> x,
              bool last, UpsamplingState& state, Signal* y) {
  if (state.previous.empty()) state.previous.assign(w.in, 0.0f);
  // The stream ends with one more row: the second half of the last input, followed by silence.
  Signal input;
  input.reserve(state.previous.size() + x.size() + w.in);
  Append(state.previous, &input);
  input.insert(input.end(), x.begin(), x.end());
  if (last) input.insert(input.end(), w.in, 0.0f);
  const int64_t rows = static_cast<int64_t>(input.size()) / w.in - 1;
  if (rows <= 0) return;
  y->resize(static_cast<size_t>(rows) * w.stride * w.out);
  ApplyRows(w.linear, kernels, input.data(), w.in, rows, y->data(),
            static_cast<int64_t>(w.stride) * w.out);
  state.previous.assign(input.end() - w.in, input.end());

  const int trim_right = w.stride / 2;
  const int trim_left = w.stride - trim_right;
  if (last) y->resize(y->size() - static_cast<size_t>(w.stride - trim_left) * w.out);
  if (!state.started) y->erase(y->begin(), y->begin() + int64_t{trim_left} * w.out);
  state.started = true;
}

void Residual(const ConvWeights& conv3, const ConvWeights& conv1, float elu_alpha,
              const Kernels& kernels, const Signal& x, bool last, ResidualState& state, Signal* y) {
  Signal activated(x.size());
  kernels.elu(x.data(), static_cast<int64_t>(x.size()), elu_alpha, activated.data());
  Signal hidden;
  Convolve(conv3, kernels, activated, last, state.conv3, &hidden);
  kernels.elu(hidden.data(), static_cast<int64_t>(hidden.size()), elu_alpha, hidden.data());
  Signal& out = *y;
  Convolve(conv1, kernels, hidden, last, state.conv1, &out);
  Append(x, &state.skip);
  for (size_t i = 0; i < out.size(); ++i) out[i] += state.skip[i];
  state.skip.erase(state.skip.begin(), state.skip.begin() + static_cast<int64_t>(out.size()));
}

}  // namespace vidmuse::cpu
