#include "core/model/cpu/kernels/packed_linear.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cstring>
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

// A group of weights, and zeros after the last of them.
using Group = std::array<float, kGroupInputs>;

// The squared error of a group that is rounded to -8 to 7 with this scale. Improves the scale: the
// new one has the least error for the same rounded weights.
float RoundingError(const Group& x, float* scale) {
  const float inverse = InverseScale(*scale);
  typedef float Four __attribute__((vector_size(16)));
  const Four least = Four{} - 8.0f, most = Four{} + 7.0f;
  Four errors = {}, products = {}, squares = {};
  for (int i = 0; i < kGroupInputs; i += 4) {
    Four weights;
    std::memcpy(&weights, x.data() + i, sizeof(weights));
    Four rounded = weights * inverse + kRoundsFloats - kRoundsFloats;
    rounded = rounded < least ? least : rounded;
    rounded = rounded > most ? most : rounded;
    const Four difference = weights - rounded * *scale;
    errors += difference * difference;
    products += weights * rounded;
    squares += rounded * rounded;
  }
  const auto sum = [](Four v) { return v[0] + v[1] + v[2] + v[3]; };
  const float error = sum(errors), product = sum(products), square = sum(squares);
  if (square > 0 && product > 0) *scale = product / square;
  return error;
}

// The bfloat16 scale of a group that gives the least squared error, of some that are tried.
uint16_t Int4Scale(const Group& x) {
  const float largest = IntegerScale(x.data(), x.size(), 1);
  float best = FLT_MAX;
  uint16_t stored = 0;
  // Large weights may be cut a little for the sake of the others.
  for (const float most : {7.0f, 8.0f, 9.5f}) {
    float scale = largest / most;
    for (int round = 0; round < 3; ++round) {
      const uint16_t candidate = FloatToBf16(scale);
      scale = Bf16ToFloat(candidate);
      const float error = RoundingError(x, &scale);
      if (error < best) best = error, stored = candidate;
    }
  }
  return stored;
}

// Quantises the weights of output `at` of a panel to int4.
void PackInt4Row(const float* row, int k, int at, char* panel) {
  for (int begin = 0; begin < k; begin += kGroupInputs, panel += kGroupBytes) {
    Group group = {};
    std::copy_n(row + begin, std::min(kGroupInputs, k - begin), group.begin());
    const uint16_t scale = Int4Scale(group);
    const float inverse = InverseScale(Bf16ToFloat(scale));
    auto* words = reinterpret_cast<uint16_t*>(panel);
    words[kTilesAcross * kGroupWords + at] = scale;
    words += at / kTileOutputs * kGroupWords + at % kTileOutputs * 2;
    for (int i = 0; i < kGroupInputs; ++i) {
      const int number = static_cast<int>(FloatToInt4(group[i], inverse));
      words[i / 8 * kTileOutputs * 2 + i % 2] |=
          static_cast<uint16_t>((number + 8) << i % 8 / 2 * 4);
    }
  }
}

size_t Panels(int n) { return (n + kPanel - 1) / kPanel; }

}  // namespace

size_t PackedLinear::WeightBytes(int n, int k, Precision precision) {
  const size_t scales = precision == Precision::kInt8 ? kPanel * sizeof(float) : 0;
  return Panels(n) * (PanelBytes(precision, k) + scales);
}

PackedLinear::PackedLinear(const float* weight, const float* bias, int n, int k,
                           Precision precision, void* memory)
    : precision_(precision), n_(n), k_(k) {
  if (memory == nullptr) {
    own_ = AlignedBuffer(WeightBytes(n, k, precision));
    memory = own_.data<void>();
  }
  const size_t panel_bytes = PanelBytes(precision, k);
  auto* const scales =
      reinterpret_cast<float*>(static_cast<char*>(memory) + Panels(n) * panel_bytes);
  weights_ = memory;
  scales_ = scales;
  for (int o = 0; o < n; ++o) {
    const float* row = weight + static_cast<size_t>(o) * k;
    char* const panel = static_cast<char*>(memory) + o / kPanel * panel_bytes;
    const int at = o % kPanel;
    switch (precision) {
      case Precision::kFp32:
      case Precision::kFp32Full:
        PackRow(row, k, reinterpret_cast<float*>(panel) + at, [](float x) { return x; });
        break;
      case Precision::kBf16:
        PackRow(row, k, reinterpret_cast<uint16_t*>(panel) + at, FloatToBf16);
        break;
      case Precision::kFp16:
        PackRow(row, k, reinterpret_cast<uint16_t*>(panel) + at, FloatToHalf);
        break;
      case Precision::kInt8:
        scales[o] = PackInt8Row(row, k, reinterpret_cast<int8_t*>(panel) + Int8Offset(at));
        break;
      case Precision::kInt4:
        PackInt4Row(row, k, at, panel);
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
  if (!IsInteger(linear.precision())) {
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
