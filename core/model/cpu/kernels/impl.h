// The kernels themselves, written once with vector extensions. One file for each instruction set
// defines VIDMUSE_KERNELS_NAME, _FUSED and _SYMBOL and includes this file; CMakeLists.txt sets its
// compiler flags. Templates of the standard library must not be used here: the linker could pick
// copies that were compiled here for code that runs on machines without these instructions.
#include "core/model/cpu/kernels/attention.h"
#include "core/model/cpu/kernels/linear.h"
#include "core/model/cpu/kernels/vector.h"

namespace vidmuse::cpu {
namespace {

void LayerNorm(const float* x, const float* weight, const float* bias, int n, float* y) {
  Vec sum[kSumVecs] = {};
  int i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) {
    for (int v = 0; v < kSumVecs; ++v) sum[v] += Load(x + i + v * kLanes);
  }
  float total = Sum(sum);
  for (; i < n; ++i) total += x[i];
  const float mean = total / static_cast<float>(n);
  Vec squares[kSumVecs] = {};
  for (i = 0; i + kSumLanes <= n; i += kSumLanes) {
    for (int v = 0; v < kSumVecs; ++v) {
      const Vec d = Load(x + i + v * kLanes) - mean;
      squares[v] += d * d;
    }
  }
  float variance = Sum(squares);
  for (; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1.0f / __builtin_sqrtf(variance / static_cast<float>(n) + 1e-5f);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    Store(y + i, (Load(x + i) - mean) * inverse * Load(weight + i) + Load(bias + i));
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

// Applies `f` to n elements. The tail goes through a padded vector, so that each element gets the
// same arithmetic.
template <typename F>
inline void ForEach(const float* x, int64_t n, float* y, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(y + i, f(Load(x + i)));
  if (i < n) {
    Vec tail = {};
    std::memcpy(&tail, x + i, static_cast<size_t>(n - i) * sizeof(float));
    tail = f(tail);
    std::memcpy(y + i, &tail, static_cast<size_t>(n - i) * sizeof(float));
  }
}

void Gelu(float* x, int64_t n) {
  ForEach(x, n, x, [](Vec v) { return 0.5f * v * (1.0f + Erf(v * 0.70710678f)); });
}

void Elu(const float* x, int64_t n, float alpha, float* y) {
  ForEach(x, n, y, [alpha](Vec v) {
    const Vec negative = alpha * (Exp(Min(v, Vec{})) - 1.0f);
    return Select(v > Vec{}, v, negative);
  });
}

inline Vec Sigmoid(Vec x) { return 1.0f / (1.0f + Exp(Min(-x, Splat(80.0f)))); }
inline Vec Tanh(Vec x) { return 2.0f * Sigmoid(2.0f * x) - 1.0f; }

void Lstm(const float* gates, int n, float* c, float* h) {
  for (int i = 0; i < n; i += kLanes) {
    // The tail goes through padded vectors, so that each unit gets the same arithmetic.
    const size_t bytes = static_cast<size_t>(n - i < kLanes ? n - i : kLanes) * sizeof(float);
    Vec gate[4] = {}, cell = {};
    for (int g = 0; g < 4; ++g) std::memcpy(&gate[g], gates + g * n + i, bytes);
    std::memcpy(&cell, c + i, bytes);
    cell = Rounded(Sigmoid(gate[1]) * cell) + Sigmoid(gate[0]) * Tanh(gate[2]);
    const Vec out = Sigmoid(gate[3]) * Tanh(cell);
    std::memcpy(c + i, &cell, bytes);
    std::memcpy(h + i, &out, bytes);
  }
}

float Dot(const float* a, const float* b, int n) {
  Vec sum[kSumVecs] = {};
  for (int i = 0; i < n; i += kSumLanes) {
    // The tail is padded with zeros.
    float tail[2][kSumLanes] = {};
    if (n - i < kSumLanes) {
      const size_t bytes = static_cast<size_t>(n - i) * sizeof(float);
      std::memcpy(tail[0], a + i, bytes);
      std::memcpy(tail[1], b + i, bytes);
    }
    const float* x = n - i < kSumLanes ? tail[0] : a + i;
    const float* y = n - i < kSumLanes ? tail[1] : b + i;
    for (int v = 0; v < kSumVecs; ++v) sum[v] += Load(x + v * kLanes) * Load(y + v * kLanes);
  }
  return Sum(sum);
}

}  // namespace

extern const Kernels VIDMUSE_KERNELS_SYMBOL;
const Kernels VIDMUSE_KERNELS_SYMBOL = {
    VIDMUSE_KERNELS_NAME,
    {Linear<Precision::kFp32>, Linear<Precision::kBf16>, Linear<Precision::kFp16>,
     Linear<Precision::kInt8>, Linear<Precision::kInt4>, Linear<Precision::kFp32>},
    {Attention<KvFormat::kFloat32>, Attention<KvFormat::kFloat24>, Attention<KvFormat::kFp16>,
     Attention<KvFormat::kInt8>, Attention<KvFormat::kInt4>},
    LayerNorm,
    Gelu,
    Elu,
    Lstm,
    Dot,
    VIDMUSE_KERNELS_FUSED};

}  // namespace vidmuse::cpu
