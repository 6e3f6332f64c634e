// A linear layer's weights, laid out for the kernels.
#ifndef VIDMUSE_MODEL_CPU_PACKED_LINEAR_H_
#define VIDMUSE_MODEL_CPU_PACKED_LINEAR_H_

#include <cstdint>

#include "core/model/cpu/aligned_buffer.h"
#include "core/model/cpu/kernels.h"

namespace vidmuse::cpu {

// y = x W^T (+ bias). Immutable once packed; thread-safe.
class PackedLinear {
 public:
  PackedLinear() = default;
  // `weight`: [n, k] row-major, finite; `bias`: [n] or null. `memory`: WeightBytes(...) zeros on a
  // cache line's boundary that outlive the layer, for its weights; null: it has its own.
  PackedLinear(const float* weight, const float* bias, int n, int k,
               Precision precision = Precision::kFp32, void* memory = nullptr);

  // A multiple of a cache line.
  static size_t WeightBytes(int n, int k, Precision precision);

  int n() const { return n_; }
  int k() const { return k_; }
  int panels() const { return (n_ + kPanel - 1) / kPanel; }
  size_t bytes() const { return WeightBytes(n_, k_, precision_) + bias_.bytes(); }

  // Rows of `x` through panels [panel_begin, panel_end), which are outputs from panel_begin *
  // kPanel on. `scratch`: LinearScratch(precision, rows, k) floats.
  void Apply(const Kernels& kernels, const float* x, int64_t x_stride, int64_t rows, float* y,
             int64_t y_stride, bool accumulate, int panel_begin, int panel_end,
             float* scratch = nullptr) const;
  // Through all panels.
  void Apply(const Kernels& kernels, const float* x, int64_t x_stride, int64_t rows, float* y,
             int64_t y_stride, bool accumulate = false, float* scratch = nullptr) const {
    Apply(kernels, x, x_stride, rows, y, y_stride, accumulate, 0, panels(), scratch);
  }

 private:
  Precision precision_ = Precision::kFp32;
  int n_ = 0;
  int k_ = 0;
  AlignedBuffer own_;
  const void* weights_ = nullptr;
  const float* scales_ = nullptr;  // of int8
  AlignedBuffer bias_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_PACKED_LINEAR_H_
