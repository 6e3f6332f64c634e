// The kernels themselves, written once with vector extensions. Included by one file per instruction
// set, which defines VIDMUSE_KERNELS_NAME and sets the compiler flags. Nothing of the standard
// library's templates may be used here: the linker could pick their copy for machines that lack the
// instructions.
#include <cstdint>
#include <cstring>

#include "core/model/cpu/kernels.h"

namespace vidmuse::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kMaxRows = 12;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kMaxRows = 6;
#else
constexpr int kLanes = 4;
constexpr int kMaxRows = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(int32_t))));

constexpr int kBlockVecs = 2;  // outputs computed together: two vectors
constexpr int kBlock = kBlockVecs * kLanes;
constexpr int kGroupVecs = kKeyGroup / kLanes;

inline Vec Load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
inline void Store(float* p, Vec v) { std::memcpy(p, &v, sizeof(v)); }
inline Vec Splat(float x) { return Vec{} + x; }

inline Vec Select(IntVec mask, Vec yes, Vec no) {
  return (Vec)((mask & (IntVec)yes) | (~mask & (IntVec)no));
}
inline Vec Max(Vec a, Vec b) { return Select(a > b, a, b); }
inline Vec Min(Vec a, Vec b) { return Select(a < b, a, b); }

inline float Sum(Vec v) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

// exp(x) for x <= 88, relative error about 1e-7; 0 below -87.
inline Vec Exp(Vec x) {
  const Vec clamped = Max(x, Splat(-87.0f));
  const Vec shifted = clamped * 1.44269504f + 12582912.0f;  // round to nearest: 1.5 * 2^23
  const Vec n = shifted - 12582912.0f;
  const Vec r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = Splat(1.0f / 5040);
  p = p * r + (1.0f / 720);
  p = p * r + (1.0f / 120);
  p = p * r + (1.0f / 24);
  p = p * r + (1.0f / 6);
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const IntVec exponent = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return Select(x < Splat(-87.0f), Vec{}, p * (Vec)exponent);
}

// Polynomials fitted for this project: z P(z^2) below 1, 1 - exp(-z^2) Q(1 / (1 + z / 2)) above.
inline Vec Erf(Vec x) {
  const Vec z = Max(x, -x);
  const Vec u = z * z;
  Vec small = Splat(7.882497e-05f);
  small = small * u - 8.018855e-04f;
  small = small * u + 5.189312156e-03f;
  small = small * u - 2.685432881e-02f;
  small = small * u + 1.1283597350e-01f;
  small = small * u - 3.7612625957e-01f;
  small = small * u + 1.1283791065f;
  small = small * x;
  const Vec t = 1.0f / (1.0f + 0.5f * z);
  Vec q = Splat(-6.159986928e-02f);
  q = q * t - 3.345672414e-02f;
  q = q * t + 3.746519983e-01f;
  q = q * t + 1.200931966e-01f;
  q = q * t + 3.240832090e-01f;
  q = q * t + 2.748980224e-01f;
  q = q * t + 5.064845900e-04f;
  const Vec large = 1.0f - Exp(-Min(u, Splat(80.0f))) * q;
  const Vec magnitude = Select(z > Splat(4.2f), Splat(1.0f), large);
  const Vec signed_large = Select(x < Vec{}, -magnitude, magnitude);
  return Select(z < Splat(1.0f), small, signed_large);
}

template <int R>
inline void LinearBlock(const LinearArgs& a, const float* w, const float* x, float* y, int column) {
  Vec acc[R][kBlockVecs];
  for (int v = 0; v < kBlockVecs; ++v) {
    const Vec start = a.bias != nullptr ? Load(a.bias + column + v * kLanes) : Vec{};
    for (int r = 0; r < R; ++r) acc[r][v] = start;
  }
  for (int k = 0; k < a.k; ++k) {
    __builtin_prefetch(w + 16 * kPanel);
    Vec weight[kBlockVecs];
    for (int v = 0; v < kBlockVecs; ++v) weight[v] = Load(w + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const float scalar = x[r * a.x_stride + k];
      for (int v = 0; v < kBlockVecs; ++v) acc[r][v] += weight[v] * scalar;
    }
    w += kPanel;
  }
  for (int r = 0; r < R; ++r) {
    float* row = y + r * a.y_stride + column;
    if (column + kBlock <= a.n) {
      for (int v = 0; v < kBlockVecs; ++v) {
        Store(row + v * kLanes, a.accumulate ? Load(row + v * kLanes) + acc[r][v] : acc[r][v]);
      }
    } else {
      for (int i = 0; column + i < a.n && i < kBlock; ++i) {
        const float value = acc[r][i / kLanes][i % kLanes];
        row[i] = a.accumulate ? row[i] + value : value;
      }
    }
  }
}

template <int R>
inline void LinearRows(const LinearArgs& a, int panel, int64_t row) {
  const float* weights = a.weights + static_cast<int64_t>(panel) * a.k * kPanel;
  for (int offset = 0; offset < kPanel && panel * kPanel + offset < a.n; offset += kBlock) {
    LinearBlock<R>(a, weights + offset, a.x + row * a.x_stride, a.y + row * a.y_stride,
                   panel * kPanel + offset);
  }
}

template <int R>
inline void LinearTail(const LinearArgs& a, int panel, int64_t row, int64_t rows) {
  if constexpr (R > 0) {
    if (rows == R) {
      LinearRows<R>(a, panel, row);
    } else {
      LinearTail<R - 1>(a, panel, row, rows);
    }
  }
}

void Linear(const LinearArgs& a, int panel_begin, int panel_end) {
  // Rows of a tile stay in the L2 cache while the panels pass by.
  constexpr int64_t kTile = 8 * kMaxRows;
  for (int64_t tile = 0; tile < a.rows; tile += kTile) {
    const int64_t end = tile + kTile < a.rows ? tile + kTile : a.rows;
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      int64_t row = tile;
      for (; row + kMaxRows <= end; row += kMaxRows) LinearRows<kMaxRows>(a, panel, row);
      LinearTail<kMaxRows - 1>(a, panel, row, end - row);
    }
  }
}

template <int R>
void AttentionRows(const AttentionArgs& a, int first_row) {
  const float* q[R];
  float* out[R];
  int length[R];
  int longest = 0;
  for (int r = 0; r < R; ++r) {
    q[r] = a.q + (first_row + r) * a.q_stride;
    out[r] = a.out + (first_row + r) * a.out_stride;
    length[r] = a.lengths[first_row + r];
    if (length[r] > longest) longest = length[r];
  }
  const int groups = (longest + kKeyGroup - 1) / kKeyGroup;
  const int64_t stride = static_cast<int64_t>(groups) * kKeyGroup;
  float* scores = a.scratch;  // [R][stride]
  float peak[R];
  for (int r = 0; r < R; ++r) peak[r] = -3.0e38f;

  for (int g = 0; g < groups; ++g) {
    const float* keys = a.keys + static_cast<int64_t>(g) * a.head_dim * kKeyGroup;
    Vec acc[R][kGroupVecs] = {};
    for (int d = 0; d < a.head_dim; ++d) {
      for (int v = 0; v < kGroupVecs; ++v) {
        const Vec key = Load(keys + d * kKeyGroup + v * kLanes);
        for (int r = 0; r < R; ++r) acc[r][v] += key * q[r][d];
      }
    }
    for (int r = 0; r < R; ++r) {
      float* row = scores + r * stride + g * kKeyGroup;
      for (int v = 0; v < kGroupVecs; ++v) Store(row + v * kLanes, acc[r][v] * a.scale);
      for (int i = 0; i < kKeyGroup && g * kKeyGroup + i < length[r]; ++i) {
        if (row[i] > peak[r]) peak[r] = row[i];
      }
    }
  }

  float inverse[R];
  for (int r = 0; r < R; ++r) {
    float* row = scores + r * stride;
    for (int64_t i = length[r]; i < stride; ++i) row[i] = -3.0e38f;  // its weight becomes 0
    Vec sum = {};
    for (int64_t i = 0; i < stride; i += kLanes) {
      const Vec weight = Exp(Load(row + i) - peak[r]);
      Store(row + i, weight);
      sum += weight;
    }
    inverse[r] = 1.0f / Sum(sum);
  }

  // Values are walked once for all columns; even and odd positions have a chain of their own each.
  for (int column = 0; column < a.value_stride; column += 4 * kLanes) {
    const int vecs =
        (a.value_stride - column) / kLanes < 4 ? (a.value_stride - column) / kLanes : 4;
    Vec even[R][4] = {};
    Vec odd[R][4] = {};
    const float* value = a.values + column;
    const auto add = [&](Vec(*acc)[4], int t) {
      for (int v = 0; v < vecs; ++v) {
        const Vec x = Load(value + static_cast<int64_t>(t) * a.value_stride + v * kLanes);
        for (int r = 0; r < R; ++r) acc[r][v] += x * scores[r * stride + t];
      }
    };
    int t = 0;
    if (vecs == 4) {
      const auto add4 = [&](Vec(*acc)[4], int position) {
        for (int v = 0; v < 4; ++v) {
          const Vec x = Load(value + static_cast<int64_t>(position) * a.value_stride + v * kLanes);
          for (int r = 0; r < R; ++r) acc[r][v] += x * scores[r * stride + position];
        }
      };
      for (; t + 2 <= longest; t += 2) {
        add4(even, t);
        add4(odd, t + 1);
      }
    } else {
      for (; t + 2 <= longest; t += 2) {
        add(even, t);
        add(odd, t + 1);
      }
    }
    if (t < longest) add(even, t);
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < vecs; ++v) {
        const Vec result = (even[r][v] + odd[r][v]) * inverse[r];
        const int begin = column + v * kLanes;
        if (begin + kLanes <= a.head_dim) {
          Store(out[r] + begin, result);
        } else {
          for (int i = 0; begin + i < a.head_dim; ++i) out[r][begin + i] = result[i];
        }
      }
    }
  }
}

void Attention(const AttentionArgs& a) {
  int row = 0;
  for (; row + 4 <= a.rows; row += 4) AttentionRows<4>(a, row);
  for (; row + 2 <= a.rows; row += 2) AttentionRows<2>(a, row);
  for (; row < a.rows; ++row) AttentionRows<1>(a, row);
}

void LayerNorm(const float* x, const float* weight, const float* bias, int n, float* y) {
  Vec sum = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += Load(x + i);
  float total = Sum(sum);
  for (; i < n; ++i) total += x[i];
  const float mean = total / static_cast<float>(n);
  Vec squares = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Vec d = Load(x + i) - mean;
    squares += d * d;
  }
  float variance = Sum(squares);
  for (; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1.0f / __builtin_sqrtf(variance / static_cast<float>(n) + 1e-5f);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    Store(y + i, (Load(x + i) - mean) * inverse * Load(weight + i) + Load(bias + i));
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

// Applies `f` to n elements; the tail goes through a padded vector, so each element has the same
// arithmetic.
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

}  // namespace

extern const Kernels VIDMUSE_KERNELS_SYMBOL;
const Kernels VIDMUSE_KERNELS_SYMBOL = {
    VIDMUSE_KERNELS_NAME, Linear, Attention, LayerNorm, Gelu, Elu};

}  // namespace vidmuse::cpu
