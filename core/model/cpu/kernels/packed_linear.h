// A linear layer's weights, laid out for the kernels.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_PACKED_LINEAR_H_
#define VIDMUSE_MODEL_CPU_KERNELS_PACKED_LINEAR_H_

#include <cstdint>

#include "core/model/cpu/kernels/aligned_buffer.h"
#include "core/model/cpu/kernels/kernels.h"

namespace vidmuse::cpu {

// y = x W^T (+ bias). Immutable once packed; thread-safe.
class PackedLinear {
 public:
  PackedLinear() = default;
  // `weight` is [n, k], row-major and finite; `bias` is [n] or null. `memory` receives the packed
  // weights: WeightBytes(...) zeroed bytes, aligned to a cache line, that outlive the layer. If it
  // is null, the layer allocates its own.
  PackedLinear(const float* weight, const float* bias, int n, int k,
               Precision precision = Precision::kFp32, void* memory = nullptr);

  // Bytes of packed weights and scales, a multiple of a cache line.
  static size_t WeightBytes(int n, int k, Precision precision);

  Precision precision() const { return precision_; }
  int n() const { return n_; }
  int k() const { return k_; }
  int panels() const { return (n_ + kPanel - 1) / kPanel; }
  size_t bytes() const { return WeightBytes(n_, k_, precision_) + bias_.bytes(); }

  // Applies panels [panel_begin, panel_end) to `rows` rows of `x`: they give the outputs from
  // panel_begin * kPanel on. `scratch` is LinearScratch(precision, rows, k) floats; only float
  // weights allow null.
  void Apply(const Kernels& kernels, const float* x, int64_t x_stride, int64_t rows, float* y,
             int64_t y_stride, bool accumulate, int panel_begin, int panel_end,
             float* scratch = nullptr) const;
  // Applies all panels.
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
  const float* scales_ = nullptr;  // for int8 only
  AlignedBuffer bias_;
};

// Applies all panels to any number of rows, a few rows at a time so that their scratch, which it
// allocates, stays in the cache. Throws std::bad_alloc.
void ApplyRows(const PackedLinear& linear, const Kernels& kernels, const float* x, int64_t x_stride,
               int64_t rows, float* y, int64_t y_stride);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_PACKED_LINEAR_H_
