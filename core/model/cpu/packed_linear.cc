#include "core/model/cpu/packed_linear.h"

#include <algorithm>

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/narrow.h"

namespace vidmuse::cpu {
namespace {

// One output's weights to their places in its panel.
template <typename T, typename Narrow>
void PackRow(const float* row, int k, T* out, Narrow narrow) {
  for (int j = 0; j < k; ++j) out[static_cast<size_t>(j) * kPanel] = narrow(row[j]);
}

// Likewise for int8, where neighbours among the inputs stay together. Returns the scale.
float PackInt8Row(const float* row, int k, int8_t* out) {
  const float scale = Int8Scale(row, k);
  const float inverse = Int8Inverse(scale);
  for (int j = 0; j < k; ++j) {
    out[static_cast<size_t>(j / 2) * 2 * kPanel + j % 2] = FloatToInt8(row[j], inverse);
  }
  return scale;
}

}  // namespace

PackedLinear::PackedLinear(const float* weight, const float* bias, int n, int k,
                           Precision precision)
    : precision_(precision), n_(n), k_(k) {
  const size_t padded_k = precision == Precision::kInt8 ? (k + 1) / 2 * 2 : k;
  const size_t panel_size = padded_k * kPanel;
  weights_ = AlignedBuffer(panels() * panel_size * PrecisionBytes(precision));
  if (precision == Precision::kInt8) scales_ = AlignedBuffer(sizeof(float) * panels() * kPanel);
  for (int o = 0; o < n; ++o) {
    const float* row = weight + static_cast<size_t>(o) * k;
    const size_t at = o / kPanel * panel_size + o % kPanel;
    switch (precision) {
      case Precision::kFp32:
        PackRow(row, k, weights_.data<float>() + at, [](float x) { return x; });
        break;
      case Precision::kBf16:
        PackRow(row, k, weights_.data<uint16_t>() + at, FloatToBf16);
        break;
      case Precision::kFp16:
        PackRow(row, k, weights_.data<uint16_t>() + at, FloatToHalf);
        break;
      case Precision::kInt8:
        scales_.data<float>()[o] =
            PackInt8Row(row, k, weights_.data<int8_t>() + o / kPanel * panel_size + o % kPanel * 2);
        break;
    }
  }
  if (bias != nullptr) {
    bias_ = AlignedBuffer(sizeof(float) * panels() * kPanel);
    std::copy(bias, bias + n, bias_.data<float>());
  }
}

void PackedLinear::Apply(const Kernels& kernels, const float* x, int64_t x_stride, int64_t rows,
                         float* y, int64_t y_stride, bool accumulate, int panel_begin,
                         int panel_end, float* scratch) const {
  LinearArgs args;
  args.weights = weights_.data<void>();
  args.scales = scales_.data<float>();
  args.bias = bias_.data<float>();
  args.x = x;
  args.x_stride = x_stride;
  args.y = y;
  args.y_stride = y_stride;
  args.rows = rows;
  args.k = k_;
  args.n = n_;
  args.accumulate = accumulate;
  args.scratch = scratch;
  kernels.linear[static_cast<int>(precision_)](args, panel_begin, panel_end);
}

}  // namespace vidmuse::cpu
