#include "core/model/cpu/packed_linear.h"

#include <algorithm>

namespace vidmuse::cpu {

PackedLinear::PackedLinear(const float* weight, const float* bias, int n, int k)
    : n_(n), k_(k), weights_(static_cast<size_t>(panels()) * k * kPanel) {
  for (int panel = 0; panel < panels(); ++panel) {
    float* out = weights_.data() + static_cast<size_t>(panel) * k * kPanel;
    const int used = std::min(kPanel, n - panel * kPanel);
    for (int i = 0; i < used; ++i) {
      const float* row = weight + static_cast<size_t>(panel * kPanel + i) * k;
      for (int j = 0; j < k; ++j) out[static_cast<size_t>(j) * kPanel + i] = row[j];
    }
  }
  if (bias != nullptr) {
    bias_ = AlignedBuffer(static_cast<size_t>(panels()) * kPanel);
    std::copy(bias, bias + n, bias_.data());
  }
}

void PackedLinear::Apply(const Kernels& kernels, const float* x, int64_t x_stride, int64_t rows,
                         float* y, int64_t y_stride, bool accumulate, int panel_begin,
                         int panel_end) const {
  LinearArgs args;
  args.weights = weights_.data();
  args.bias = bias_.data();
  args.x = x;
  args.x_stride = x_stride;
  args.y = y;
  args.y_stride = y_stride;
  args.rows = rows;
  args.k = k_;
  args.n = n_;
  args.accumulate = accumulate;
  kernels.linear(args, panel_begin, panel_end);
}

}  // namespace vidmuse::cpu
