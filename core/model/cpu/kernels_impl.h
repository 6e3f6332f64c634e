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
constexpr float kLowest = -3.0e38f;  // a score whose weight is 0

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

// R queries on their way; scores [R][stride] are in the caller's scratch.
template <int R>
struct Queries {
  const float* q[R];
  float* out[R];
  int length[R];
  int longest = 0;
  int64_t stride = 0;  // `longest`, rounded up to whole groups
  float peak[R];       // largest score
  float inverse[R];    // 1 / sum of weights
};

template <int R>
void Scores(const AttentionArgs& a, Queries<R>& queries) {
  for (int64_t g = 0; g * kKeyGroup < queries.stride; ++g) {
    const float* keys = a.keys + g * a.head_dim * kKeyGroup;
    Vec acc[R][kGroupVecs] = {};
    for (int d = 0; d < a.head_dim; ++d) {
      for (int v = 0; v < kGroupVecs; ++v) {
        const Vec key = Load(keys + d * kKeyGroup + v * kLanes);
        for (int r = 0; r < R; ++r) acc[r][v] += key * queries.q[r][d];
      }
    }
    for (int r = 0; r < R; ++r) {
      float* row = a.scratch + r * queries.stride + g * kKeyGroup;
      for (int v = 0; v < kGroupVecs; ++v) Store(row + v * kLanes, acc[r][v] * a.scale);
      for (int i = 0; i < kKeyGroup && g * kKeyGroup + i < queries.length[r]; ++i) {
        if (row[i] > queries.peak[r]) queries.peak[r] = row[i];
      }
    }
  }
}

// Scores to weights, 0 past a row's length.
template <int R>
void Softmax(const AttentionArgs& a, Queries<R>& queries) {
  for (int r = 0; r < R; ++r) {
    float* row = a.scratch + r * queries.stride;
    for (int64_t i = queries.length[r]; i < queries.stride; ++i) row[i] = kLowest;
    Vec sum = {};
    for (int64_t i = 0; i < queries.stride; i += kLanes) {
      const Vec weight = Exp(Load(row + i) - queries.peak[r]);
      Store(row + i, weight);
      sum += weight;
    }
    queries.inverse[r] = 1.0f / Sum(sum);
  }
}

// Columns [column, column + V vectors) of the weighted sum of values; even and odd positions have a
// chain of their own each.
template <int R, int V>
void WeightedSum(const AttentionArgs& a, const Queries<R>& queries, int column) {
  Vec even[R][V] = {};
  Vec odd[R][V] = {};
  const auto add = [&](Vec(*acc)[V], int64_t t) {
    for (int v = 0; v < V; ++v) {
      const Vec x = Load(a.values + t * a.value_stride + column + v * kLanes);
      for (int r = 0; r < R; ++r) acc[r][v] += x * a.scratch[r * queries.stride + t];
    }
  };
  int t = 0;
  for (; t + 2 <= queries.longest; t += 2) {
    add(even, t);
    add(odd, t + 1);
  }
  if (t < queries.longest) add(even, t);
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      const Vec result = (even[r][v] + odd[r][v]) * queries.inverse[r];
      const int begin = column + v * kLanes;
      if (begin + kLanes <= a.head_dim) {
        Store(queries.out[r] + begin, result);
      } else {
        for (int i = 0; begin + i < a.head_dim; ++i) queries.out[r][begin + i] = result[i];
      }
    }
  }
}

template <int R>
void AttentionRows(const AttentionArgs& a, int first_row) {
  Queries<R> queries;
  for (int r = 0; r < R; ++r) {
    queries.q[r] = a.q + (first_row + r) * a.q_stride;
    queries.out[r] = a.out + (first_row + r) * a.out_stride;
    queries.length[r] = a.lengths[first_row + r];
    if (queries.length[r] > queries.longest) queries.longest = queries.length[r];
    queries.peak[r] = kLowest;
  }
  queries.stride = (queries.longest + int64_t{kKeyGroup} - 1) / kKeyGroup * kKeyGroup;
  Scores(a, queries);
  Softmax(a, queries);
  int column = 0;
  for (; column + 4 * kLanes <= a.value_stride; column += 4 * kLanes) {
    WeightedSum<R, 4>(a, queries, column);
  }
  for (; column < a.value_stride; column += kLanes) WeightedSum<R, 1>(a, queries, column);
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
