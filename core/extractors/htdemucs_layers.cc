#include "core/extractors/htdemucs_layers.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "core/extractors/htdemucs_tensors.h"
#include "core/model/architecture/tensors.h"

namespace vidmuse::htdemucs {

using at::Tensor;

namespace {

constexpr int64_t kStride = HtDemucsConfig::kStride;
constexpr int64_t kPadding = (HtDemucsConfig::kKernel - kStride) / 2;  // on either side

Tensor NormOfAll(const Tensor& x, const Layer& norm) {
  return at::group_norm(x, /*num_groups=*/1, norm.weight, norm.bias, kNormEpsilon);
}

Tensor NormOfPlace(const Tensor& x, const Layer& norm) {
  return at::layer_norm(x, {x.size(2)}, norm.weight, norm.bias, kNormEpsilon);
}

// Adds to `x`, [N, channels, frames], in place: new memory for each sum would cost more time than
// the sum. Dilations are 1, 2, 4, ...
Tensor AddResiduals(const std::vector<Residual>& residuals, const Tensor& x) {
  int64_t dilation = 1;
  for (const Residual& residual : residuals) {
    Tensor y = at::conv1d(x, residual.narrow.weight, residual.narrow.bias, /*stride=*/1,
                          /*padding=*/dilation, dilation);
    y = NormOfAll(y, residual.norm1);
    at::gelu_(y);
    y = NormOfAll(at::conv1d(y, residual.widen.weight, residual.widen.bias), residual.norm2);
    x.add_(at::glu(y, 1).mul_(residual.scale.unsqueeze(1)));
    dilation *= 2;
  }
  return x;
}

// Runs over frames, or samples. Frequencies don't know of each other. May overwrite `x`.
Tensor Dconv(const std::vector<Residual>& residuals, const Tensor& x) {
  if (x.dim() == 3) return AddResiduals(residuals, x);
  const Tensor by_frequency = x.squeeze(0).permute({1, 0, 2}).contiguous();
  return AddResiduals(residuals, by_frequency).permute({1, 0, 2}).unsqueeze(0);
}

// `x`: [1, places, width]; the result is [1, heads, places, width / heads].
Tensor SplitHeads(const Tensor& x, int64_t heads) {
  return x.view({1, x.size(1), heads, -1}).transpose(1, 2);
}

Tensor Attend(const Transformer& layer, int64_t heads, const Tensor& x, const Tensor& other) {
  const int64_t width = x.size(2);
  const Tensor query = NormOfPlace(x, layer.norm_query);
  const Tensor key = layer.is_cross ? NormOfPlace(other, layer.norm_key) : query;
  const auto part = [&](const Tensor& input, int64_t first, int64_t count) {
    return at::linear(input, layer.input.weight.narrow(0, first * width, count * width),
                      layer.input.bias.narrow(0, first * width, count * width));
  };
  const Tensor q = part(query, 0, 1);
  const std::vector<Tensor> kv = part(key, 1, 2).chunk(2, 2);
  const Tensor y = at::scaled_dot_product_attention(SplitHeads(q, heads), SplitHeads(kv[0], heads),
                                                    SplitHeads(kv[1], heads));
  return at::linear(y.transpose(1, 2).reshape({1, -1, width}), layer.output.weight,
                    layer.output.bias);
}

}  // namespace

Tensor Encode(const Encoder& layer, const Tensor& x) {
  Tensor y;
  if (x.dim() == 4) {
    y = at::conv2d(x, layer.conv.weight, layer.conv.bias, {kStride, 1}, {kPadding, 0});
    y = Dconv(layer.residuals, at::gelu_(y));
    return at::glu(at::conv2d(y, layer.rewrite.weight, layer.rewrite.bias), 1);
  }
  const int64_t missing = (kStride - x.size(2) % kStride) % kStride;
  y = at::conv1d(at::constant_pad_nd(x, {0, missing}, 0), layer.conv.weight, layer.conv.bias,
                 kStride, kPadding);
  y = Dconv(layer.residuals, at::gelu_(y));
  return at::glu(at::conv1d(y, layer.rewrite.weight, layer.rewrite.bias), 1);
}

Tensor Decode(const Decoder& layer, const Tensor& x, const Tensor& skip, int64_t samples,
              bool is_last) {
  const Tensor sum = x + skip;
  Tensor y;
  if (x.dim() == 4) {
    y = at::glu(at::conv2d(sum, layer.rewrite.weight, layer.rewrite.bias, 1, 1), 1);
    y = Dconv(layer.residuals, y);
    y = at::conv_transpose2d(y, layer.conv.weight, layer.conv.bias, {kStride, 1});
    y = y.narrow(2, kPadding, y.size(2) - 2 * kPadding);
  } else {
    y = at::glu(at::conv1d(sum, layer.rewrite.weight, layer.rewrite.bias, 1, 1), 1);
    y = Dconv(layer.residuals, y);
    y = at::conv_transpose1d(y, layer.conv.weight, layer.conv.bias, kStride);
    y = y.narrow(2, kPadding, samples);
  }
  return is_last ? y : at::gelu_(y);
}

Tensor Transform(const Transformer& layer, int64_t heads, const Tensor& x, const Tensor& other) {
  const Tensor y = Attend(layer, heads, x, other).mul_(layer.scale_attention).add_(x);
  Tensor hidden =
      at::linear(NormOfPlace(y, layer.norm_hidden), layer.widen.weight, layer.widen.bias);
  at::gelu_(hidden);
  y.add_(at::linear(hidden, layer.narrow.weight, layer.narrow.bias).mul_(layer.scale_hidden));
  return NormOfAll(y.transpose(1, 2), layer.norm_out).transpose(1, 2).contiguous();
}

Tensor SpectrumPositions(int64_t width, int64_t frequencies, int64_t frames, double max_period) {
  const int64_t half = width / 2;
  // One half of the channels is for frames and one for frequencies, sine and cosine in turn.
  const Tensor rates = at::exp(at::arange(0.0, static_cast<double>(half), 2.0) *
                               -(std::log(max_period) / static_cast<double>(half)));
  const auto waves = [&](int64_t places) {
    const Tensor phases = at::arange(0.0, static_cast<double>(places)).unsqueeze(1) * rates;
    return at::stack({at::sin(phases), at::cos(phases)}, 2).view({places, half});
  };
  const Tensor of_frame = waves(frames).unsqueeze(1).expand({frames, frequencies, half});
  const Tensor of_frequency = waves(frequencies).unsqueeze(0).expand({frames, frequencies, half});
  return at::cat({of_frame, of_frequency}, 2).reshape({1, frames * frequencies, width});
}

Tensor TimePositions(int64_t width, int64_t places, double max_period) {
  const int64_t half = width / 2;
  const Tensor periods =
      at::pow(max_period, at::arange(half, at::kLong) / static_cast<double>(half - 1));
  const Tensor phases = at::arange(places, at::kLong).unsqueeze(1) / periods;
  return at::cat({at::cos(phases), at::sin(phases)}, 1).unsqueeze(0);
}

}  // namespace vidmuse::htdemucs
