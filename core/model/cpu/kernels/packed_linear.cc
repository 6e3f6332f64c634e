#include "core/model/cpu/kernels/packed_linear.h"

#include <algorithm>
#include <memory>

#include "core/model/checkpoint/half.h"
#include "core/model/cpu/kernels/narrow.h"

namespace vidmuse::cpu {
namespace {

// Stores the weights of one output in its panel.
template <typename T, typename Narrow>
void PackRow(const float* row, int k, T* out, Narrow narrow) {
  for (int j = 0; j < k; ++j) out[static_cast<size_t>(j) * kPanel] = narrow(row[j]);
}

// Quantises the weights of one output to int8 and stores them in its tiles. Returns the scale.
float PackInt8Row(const float* row, int k, int8_t* out) {
  const float scale = IntegerScale(row, k, 127);
  const float inverse = InverseScale(scale);
  for (int j = 0; j < k; ++j) {
    const size_t tile = size_t{kTilesAcross} * (j / kTileInputs) * kLinearTile;
    out[tile + j % kTileInputs / 4 * 4 * kTileOutputs + j % 4] = FloatToInt8(row[j], inverse);
  }
  return scale;
}

// Offset of an output's first int8 weight in its panel.
size_t Int8Offset(int output) {
  return output / kTileOutputs * kLinearTile + output % kTileOutputs * 4;
}

// Numbers in a panel.
size_t PanelSize(int k, Precision precision) {
  return (precision == Precision::kInt8 ? TilesDown(k) * kTileInputs : k) * kPanel;
}

size_t Panels(int n) { return (n + kPanel - 1) / kPanel; }

}  // namespace

size_t PackedLinear::WeightBytes(int n, int k, Precision precision) {
  const size_t scales = precision == Precision::kInt8 ? kPanel * sizeof(float) : 0;
  return Panels(n) * (PanelSize(k, precision) * PrecisionBytes(precision) + scales);
}

PackedLinear::PackedLinear(const float* weight, const float* bias, int n, int k,
                           Precision precision, void* memory)
    : precision_(precision), n_(n), k_(k) {
  if (memory == nullptr) {
    own_ = AlignedBuffer(WeightBytes(n, k, precision));
    memory = own_.data<void>();
  }
  const size_t panel_size = PanelSize(k, precision);
  auto* const scales = reinterpret_cast<float*>(static_cast<char*>(memory) +
                                                Panels(n) * panel_size * PrecisionBytes(precision));
  weights_ = memory;
  scales_ = scales;
  for (int o = 0; o < n; ++o) {
    const float* row = weight + static_cast<size_t>(o) * k;
    const size_t panel = o / kPanel * panel_size;
    const size_t at = panel + o % kPanel;
    switch (precision) {
      case Precision::kFp32:
        PackRow(row, k, static_cast<float*>(memory) + at, [](float x) { return x; });
        break;
      case Precision::kBf16:
        PackRow(row, k, static_cast<uint16_t*>(memory) + at, FloatToBf16);
        break;
      case Precision::kFp16:
        PackRow(row, k, static_cast<uint16_t*>(memory) + at, FloatToHalf);
        break;
      case Precision::kInt8:
        scales[o] =
            PackInt8Row(row, k, static_cast<int8_t*>(memory) + panel + Int8Offset(o % kPanel));
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
  args.weights = weights_;
  args.scales = scales_;
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

void ApplyRows(const PackedLinear& linear, const Kernels& kernels, const float* x, int64_t x_stride,
               int64_t rows, float* y, int64_t y_stride) {
  if (linear.precision() != Precision::kInt8) {
    return linear.Apply(kernels, x, x_stride, rows, y, y_stride);
  }
  const int64_t most = std::min<int64_t>(rows, kRowTile);
  const auto scratch =
      std::make_unique_for_overwrite<float[]>(LinearScratch(linear.precision(), most, linear.k()));
  for (int64_t row = 0; row < rows; row += most) {
    linear.Apply(kernels, x + row * x_stride, x_stride, std::min(most, rows - row),
                 y + row * y_stride, y_stride, false, scratch.get());
  }
}

}  // namespace vidmuse::cpu
