// Every kernel, for every instruction set this machine has, against plain double-precision forms;
// and row independence, bit for bit.
#include "core/model/cpu/kernels/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/cpu/kernels/packed_linear.h"
#include "core/model/cpu/kv/kv_cache.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse::cpu {
namespace {

std::vector<float> Random(size_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(generator);
  return values;
}

bool SameBits(const float* a, const float* b, size_t n) {
  return std::memcmp(a, b, n * sizeof(float)) == 0;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

std::vector<const Kernels*> All() {
  int count = 0;
  const Kernels* const* all = AvailableKernels(&count);
  return {all, all + count};
}

INSTANTIATE_TEST_SUITE_P(Machine, KernelsTest, testing::ValuesIn(All()),
                         [](const auto& info) { return std::string(info.param->name); });

// Kernels that store numbers in a precision.
class StoredKernelsTest : public testing::TestWithParam<std::tuple<const Kernels*, Precision>> {
 protected:
  const Kernels& kernels() const { return *std::get<0>(GetParam()); }
  Precision precision() const { return std::get<1>(GetParam()); }
  // Largest error of a stored number in [-1, 1]; that of integers is relative to the largest. int4
  // may cut the largest.
  static double Rounding(Precision precision) {
    constexpr double kErrors[kPrecisions] = {0, 0x1p-9, 0x1p-12, 0.5 / 127, 2.5 / 9.5, 0};
    return kErrors[static_cast<int>(precision)];
  }
};

INSTANTIATE_TEST_SUITE_P(Machine, StoredKernelsTest,
                         testing::Combine(testing::ValuesIn(All()),
                                          testing::ValuesIn(kAllPrecisions)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)->name) + "_" +
                                  PrecisionName(std::get<1>(info.param));
                         });

// Kernels that keep keys and values in a format.
class KvKernelsTest : public testing::TestWithParam<std::tuple<const Kernels*, KvFormat>> {
 protected:
  const Kernels& kernels() const { return *std::get<0>(GetParam()); }
  KvFormat format() const { return std::get<1>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Machine, KvKernelsTest,
                         testing::Combine(testing::ValuesIn(All()),
                                          testing::ValuesIn(kAllKvFormats)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)->name) + "_" +
                                  KvFormatName(std::get<1>(info.param));
                         });

// PackedLinear with the scratch that it needs.
struct Layer {
  Layer(const std::vector<float>& weight, const float* bias, int n, int k, Precision precision)
      : linear(weight.data(), bias, n, k, precision), precision(precision) {}
  void Apply(const Kernels& kernels, const float* x, int rows, float* y, int64_t y_stride,
             bool accumulate, int panel_begin, int panel_end) const {
    std::vector<float> scratch(LinearScratch(precision, rows, linear.k()), NAN);
    linear.Apply(kernels, x, linear.k(), rows, y, y_stride, accumulate, panel_begin, panel_end,
                 scratch.data());
  }
  void Apply(const Kernels& kernels, const float* x, int rows, float* y,
             bool accumulate = false) const {
    Apply(kernels, x, rows, y, linear.n(), accumulate, 0, linear.panels());
  }
  PackedLinear linear;
  Precision precision;
};

TEST_P(StoredKernelsTest, LinearIsTheMatrixProduct) {
  for (const auto& [n, k, rows] : {std::tuple{1, 1, 1},
                                   {7, 3, 2},
                                   {32, 16, 5},
                                   {33, 17, 13},
                                   {100, 64, 12},
                                   {1, 48, 40},
                                   {256, 301, 33},
                                   {40, 1500, 3},
                                   {40, 70, 121}}) {
    SCOPED_TRACE(testing::Message() << n << " outputs, " << k << " inputs, " << rows << " rows");
    const std::vector<float> weight = Random(size_t(n) * k, 1);
    const std::vector<float> bias = Random(n, 2);
    const std::vector<float> x = Random(size_t(rows) * k, 3);
    const Layer linear(weight, bias.data(), n, k, precision());
    const Layer no_bias(weight, nullptr, n, k, precision());
    std::vector<float> y(size_t(rows) * n, NAN);
    linear.Apply(kernels(), x.data(), rows, y.data());
    std::vector<float> sum = y;
    no_bias.Apply(kernels(), x.data(), rows, sum.data(), /*accumulate=*/true);
    const double x_rounding = IsInteger(precision()) ? 0.5 / 32639 : 0;
    for (int r = 0; r < rows; ++r) {
      for (int o = 0; o < n; ++o) {
        double product = 0, error = 1e-6 * (k + 1);
        for (int i = 0; i < k; ++i) {
          product += double{weight[o * k + i]} * x[r * k + i];
          error += Rounding(precision()) * std::abs(x[r * k + i]) + x_rounding;
        }
        ASSERT_NEAR(y[r * n + o], product + bias[o], error) << "row " << r << ", output " << o;
        ASSERT_NEAR(sum[r * n + o], 2 * product + bias[o], 2 * error);
      }
    }
  }
}

// Every number the largest of its row: sums of integers must not run over.
TEST_P(StoredKernelsTest, LinearBearsTheLargestSums) {
  const int n = 33, k = 5000;
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> weight(n * k, sign), x(k, 3.0f);
    std::vector<float> y(n);
    Layer(weight, nullptr, n, k, precision()).Apply(kernels(), x.data(), 1, y.data());
    // int4's scales have 8 bits.
    const double error = precision() == Precision::kInt4 ? 0x1p-9 : 1e-5;
    for (int o = 0; o < n; ++o) ASSERT_NEAR(y[o], sign * 3 * k, error * 3 * k) << "output " << o;
  }
}

// The weights that a layer has stored, [n, k], each read with an x of zeros and a one.
std::vector<float> StoredWeights(const Kernels& kernels, const Layer& layer) {
  const int n = layer.linear.n(), k = layer.linear.k();
  std::vector<float> ones(size_t{1} * k * k), columns(size_t{1} * k * n), weights;
  for (int i = 0; i < k; ++i) ones[i * k + i] = 1;
  layer.Apply(kernels, ones.data(), k, columns.data());
  for (int o = 0; o < n; ++o) {
    for (int i = 0; i < k; ++i) weights.push_back(columns[i * n + o]);
  }
  return weights;
}

TEST_P(KernelsTest, Int4IsTheProductOfItsStoredWeights) {
  const int n = 70, k = 100, rows = 9;
  const std::vector<float> weight = Random(n * k, 1), x = Random(rows * k, 3);
  const Layer linear(weight, nullptr, n, k, Precision::kInt4);
  const std::vector<float> stored = StoredWeights(kernels(), linear);
  std::vector<float> y(rows * n);
  linear.Apply(kernels(), x.data(), rows, y.data());
  for (int r = 0; r < rows; ++r) {
    for (int o = 0; o < n; ++o) {
      double product = 0;
      for (int i = 0; i < k; ++i) product += double{stored[o * k + i]} * x[r * k + i];
      ASSERT_NEAR(y[r * n + o], product, 1e-3) << "row " << r << ", output " << o;
    }
  }
}

// With normal weights, a scale that is searched for has a smaller error than that of the largest.
TEST(Int4Test, ScalesAreThoseOfTheLeastError) {
  const int n = 64, k = 96;
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  std::vector<float> weight(n * k);
  for (float& value : weight) value = normal(generator);
  const Layer linear(weight, nullptr, n, k, Precision::kInt4);
  const std::vector<float> stored = StoredWeights(*All()[0], linear);
  double error = 0, plain = 0;
  for (int begin = 0; begin < n * k; begin += kGroupInputs) {
    float largest = 0;
    for (int i = begin; i < begin + kGroupInputs; ++i) {
      largest = std::max(largest, std::abs(weight[i]));
    }
    for (int i = begin; i < begin + kGroupInputs; ++i) {
      error += std::pow(stored[i] - weight[i], 2);
      plain += std::pow(std::round(weight[i] / largest * 7) * largest / 7 - weight[i], 2);
    }
  }
  EXPECT_LT(error, 0.85 * plain);
}

TEST_P(StoredKernelsTest, LinearWritesItsPanelsAlone) {
  const int n = 75, k = 20, rows = 3, stride = 80;
  const std::vector<float> weight = Random(n * k, 1);
  const std::vector<float> x = Random(rows * k, 2);
  const Layer linear(weight, nullptr, n, k, precision());
  ASSERT_EQ(linear.linear.panels(), 3);
  std::vector<float> whole(rows * stride, 5.0f);
  linear.Apply(kernels(), x.data(), rows, whole.data(), stride, false, 0, 3);
  for (int panel = 0; panel < 3; ++panel) {
    std::vector<float> y(rows * stride, 5.0f);
    linear.Apply(kernels(), x.data(), rows, y.data(), stride, false, panel, panel + 1);
    for (int r = 0; r < rows; ++r) {
      for (int o = 0; o < stride; ++o) {
        const bool mine = o < n && o / kPanel == panel;
        ASSERT_EQ(y[r * stride + o], mine ? whole[r * stride + o] : 5.0f) << r << ", " << o;
      }
    }
  }
}

TEST_P(StoredKernelsTest, LinearRowsDoNotDependOnEachOther) {
  const int n = 70, k = 129, most = 33;
  const std::vector<float> weight = Random(n * k, 1);
  const std::vector<float> bias = Random(n, 2);
  const std::vector<float> x = Random(most * k, 3);
  const Layer linear(weight, bias.data(), n, k, precision());
  std::vector<float> alone(most * n);
  for (int r = 0; r < most; ++r) linear.Apply(kernels(), &x[r * k], 1, &alone[r * n]);
  // 100 and 200 rows are more than the kernels take at a time.
  for (int rows = 1; rows <= most; ++rows) {
    for (int first = 0; first + rows <= most; ++first) {
      std::vector<float> y(rows * n);
      linear.Apply(kernels(), &x[first * k], rows, y.data());
      ASSERT_TRUE(SameBits(y.data(), &alone[first * n], y.size()))
          << rows << " rows from " << first;
    }
  }
  std::vector<float> many;
  for (int i = 0; i < 200; ++i) many.insert(many.end(), &x[(i % most) * k], &x[(i % most) * k] + k);
  std::vector<float> y(200 * n);
  linear.Apply(kernels(), many.data(), 200, y.data());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(SameBits(&y[i * n], &alone[(i % most) * n], n)) << i;
}

// What is kept of a vector: integers up to `most`, times a scale with bfloat16's 8 bits.
void RoundToIntegers(float* x, int n, float most) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  int exponent = 0;
  const float mantissa = std::frexp(largest / most, &exponent);
  const float scale = std::ldexp(std::ceil(mantissa * 256), exponent - 8);
  for (int i = 0; i < n; ++i) x[i] = std::nearbyint(x[i] / scale) * scale;
}

// What is kept of a vector.
void Keep(float* x, int n, KvFormat format) {
  if (IsInteger(format)) return RoundToIntegers(x, n, static_cast<float>(LargestInteger(format)));
  if (format == KvFormat::kFloat32) return;
  const int bits = format == KvFormat::kFloat24 ? 16 : 11;  // of the mantissa
  for (int i = 0; i < n; ++i) {
    int exponent = 0;
    const float mantissa = std::frexp(x[i], &exponent);
    x[i] = std::ldexp(std::nearbyint(std::ldexp(mantissa, bits)), exponent - bits);
  }
}

// One head's cache, and attention over it.
struct Head {
  Head(int head_dim, int positions, uint32_t seed, KvFormat format = KvFormat::kFloat24)
      : dim(head_dim), cache(format, 2, 3, head_dim, positions) {
    keys = Random(size_t(positions) * dim, seed, 2.0f);
    values = Random(size_t(positions) * dim, seed + 1);
    cache.Write(1, 2, 0, positions, keys.data(), values.data(), dim);
    for (int t = 0; t < positions; ++t) {
      Keep(&keys[t * dim], dim, format);
      Keep(&values[t * dim], dim, format);
    }
  }

  std::vector<float> Attend(const Kernels& kernels, const float* q, const std::vector<int>& lengths,
                            const KvCache* next = nullptr) {
    std::vector<float> out(lengths.size() * dim, NAN);
    std::vector<float> scratch(AttentionScratch(cache.capacity(), dim), NAN);
    AttentionArgs args;
    args.q = q;
    args.q_stride = dim;
    args.rows = static_cast<int>(lengths.size());
    args.lengths = lengths.data();
    cache.Describe(1, 2, &args);
    if (next != nullptr) {
      args.next = next->keys(0, 0);
      args.next_bytes = next->KeyBytes(next->capacity());
    }
    args.scale = 1.0f / std::sqrt(static_cast<float>(dim));
    args.out = out.data();
    args.out_stride = dim;
    args.scratch = scratch.data();
    kernels.attention[static_cast<int>(cache.format())](args);
    return out;
  }

  std::vector<double> Expected(const float* q, int length,
                               const std::vector<float>& counts = {}) const {
    std::vector<double> weights(length);
    double peak = -INFINITY, sum = 0;
    for (int t = 0; t < length; ++t) {
      double score = 0;
      for (int d = 0; d < dim; ++d) score += double{q[d]} * keys[t * dim + d];
      weights[t] = score / std::sqrt(double(dim));
      peak = std::max(peak, weights[t]);
    }
    for (int t = 0; t < length; ++t) {
      weights[t] = std::exp(weights[t] - peak) * (counts.empty() ? 1 : counts[t]);
      sum += weights[t];
    }
    std::vector<double> out(dim);
    for (int t = 0; t < length; ++t) {
      for (int d = 0; d < dim; ++d) out[d] += weights[t] / sum * values[t * dim + d];
    }
    return out;
  }

  int dim;
  KvCache cache;
  std::vector<float> keys, values;  // as kept
};

// A position that counts n times is n positions with the same key and value.
TEST_P(KvKernelsTest, APositionMayCountSeveralTimes) {
  const double tolerance = IsInteger(format()) ? 1e-4 : 3e-6;
  const int dim = 24, positions = 150;
  Head head(dim, positions, 7, format());
  std::vector<float> counts(positions);
  for (int t = 0; t < positions; ++t) counts[t] = static_cast<float>(1 + t % 7 * t % 11);
  head.cache.set_counts(counts);
  const std::vector<float> q = Random(5 * dim, 9, 2.0f);
  const std::vector<int> lengths = {150, 131, 16, 3, 77};
  // Each query alone and all of them together.
  const std::vector<float> out = head.Attend(kernels(), q.data(), lengths);
  for (size_t r = 0; r < lengths.size(); ++r) {
    const std::vector<double> expected = head.Expected(&q[r * dim], lengths[r], counts);
    for (int d = 0; d < dim; ++d) {
      ASSERT_NEAR(out[r * dim + d], expected[d], tolerance) << "query " << r;
    }
    const std::vector<float> alone = head.Attend(kernels(), &q[r * dim], {lengths[r]});
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), &out[r * dim])) << "query " << r;
  }
}

TEST_P(KvKernelsTest, AttentionIsTheWeightedMean) {
  // Queries and weights are rounded to 16 bits beside integers.
  const double tolerance = IsInteger(format()) ? 1e-4 : 3e-6;
  for (const int dim : {16, 24, 32, 64, 72, 128}) {
    Head head(dim, 150, 7, format());
    const std::vector<float> q = Random(dim, 9, 2.0f);
    for (int length = 1; length <= 150; ++length) {
      const std::vector<float> out = head.Attend(kernels(), q.data(), {length});
      const std::vector<double> expected = head.Expected(q.data(), length);
      for (int d = 0; d < dim; ++d) {
        ASSERT_NEAR(out[d], expected[d], tolerance) << "head_dim " << dim << ", length " << length;
      }
    }
  }
}

TEST_P(KvKernelsTest, AttentionRowsDoNotDependOnEachOther) {
  for (const int dim : {16, 24, 32, 64}) {
    Head head(dim, 100, 3, format());
    const int most = 33;
    const std::vector<float> q = Random(most * dim, 5, 2.0f);
    std::vector<int> lengths(most);
    std::vector<float> alone;
    for (int r = 0; r < most; ++r) {
      lengths[r] = (r * 37) % 100 + 1;
      const std::vector<float> out = head.Attend(kernels(), &q[r * dim], {lengths[r]});
      alone.insert(alone.end(), out.begin(), out.end());
    }
    for (int rows = 1; rows <= most; ++rows) {
      for (int first = 0; first + rows <= most; first += 1 + rows / 4) {
        const std::vector<float> out = head.Attend(
            kernels(), &q[first * dim], {lengths.begin() + first, lengths.begin() + first + rows});
        ASSERT_TRUE(SameBits(out.data(), &alone[first * dim], out.size()))
            << "head_dim " << dim << ", " << rows << " rows from " << first;
      }
    }
  }
}

// What is brought ahead changes nothing.
TEST_P(KvKernelsTest, AttentionMayNameWhatIsReadNext) {
  Head head(64, 900, 3, format());
  const std::vector<float> q = Random(64, 5, 2.0f);
  const KvCache small(format(), 1, 1, 64, 16), large(format(), 1, 1, 64, 3000);
  const std::vector<float> expected = head.Attend(kernels(), q.data(), {900});
  EXPECT_EQ(head.Attend(kernels(), q.data(), {900}, &small), expected);
  EXPECT_EQ(head.Attend(kernels(), q.data(), {900}, &large), expected);
}

// What a cache held before doesn't matter.
TEST_P(KvKernelsTest, WritingClearsWhatFollows) {
  for (const int dim : {24, 64, 72}) {
    Head head(dim, 40, 3, format());
    Head fresh(dim, 40, 3, format());
    const std::vector<float> garbage(40 * dim, NAN);
    head.cache.Write(1, 2, 0, 40, garbage.data(), garbage.data(), dim);
    const std::vector<float> keys = Random(20 * dim, 11), values = Random(20 * dim, 12);
    const std::vector<float> q = Random(dim, 9, 2.0f);
    for (int t = 0; t < 20; ++t) {
      head.cache.Write(1, 2, t, 1, &keys[t * dim], &values[t * dim], dim);
      fresh.cache.Write(1, 2, t, 1, &keys[t * dim], &values[t * dim], dim);
      const std::vector<float> out = head.Attend(kernels(), q.data(), {t + 1});
      const std::vector<float> expected = fresh.Attend(kernels(), q.data(), {t + 1});
      ASSERT_TRUE(SameBits(out.data(), expected.data(), dim)) << "head_dim " << dim << ", " << t;
    }
  }
}

// Every number the largest of its row, and more dimensions than sums of 16 bits have room for: a
// sum that ran over would change its sign, and the odd positions would win.
TEST_P(KvKernelsTest, AttentionBearsTheLargestSums) {
  const int dim = 640, positions = 300;
  Head head(dim, positions, 1, format());
  // These are kept as they are.
  const int largest = IsInteger(format()) ? LargestInteger(format()) : 127;
  const float most = static_cast<float>(largest) / static_cast<float>(largest + 1);
  for (int t = 0; t < positions; ++t) {
    const std::vector<float> row(dim, t % 2 == 0 ? most : -most);
    head.cache.Write(1, 2, t, 1, row.data(), row.data(), dim);
  }
  const std::vector<float> q(dim, 3.0f);
  for (const float value : head.Attend(kernels(), q.data(), {positions})) {
    ASSERT_NEAR(value, most, 1e-4);
  }
}

// Softmax of scores far apart must neither overflow nor lose the largest.
TEST_P(KernelsTest, AttentionBearsExtremeScores) {
  Head head(16, 40, 3);
  std::vector<float> q(16);
  for (int d = 0; d < 16; ++d) q[d] = 1e4f * head.keys[20 * 16 + d];
  const std::vector<float> out = head.Attend(kernels(), q.data(), {40});
  const std::vector<double> expected = head.Expected(q.data(), 40);
  for (int d = 0; d < 16; ++d) EXPECT_NEAR(out[d], expected[d], 1e-5);
}

// A song that moves to a replica on another machine goes on with the same numbers: those of every
// set with fused multiply-adds are equal, bit for bit.
class FusedKernelsTest : public testing::Test {
 protected:
  // Whether `compute` fills `size` floats alike with all of them.
  static void ExpectTheSame(size_t size, const std::string& what,
                            const std::function<void(const Kernels&, float*)>& compute) {
    std::vector<float> first;
    for (const Kernels* kernels : All()) {
      if (!kernels->fused) continue;
      std::vector<float> y(size, NAN);
      compute(*kernels, y.data());
      if (first.empty()) first = y;
      EXPECT_TRUE(SameBits(y.data(), first.data(), size)) << what << " of " << kernels->name;
    }
  }

  void CompareLinear(int n, int k) {
    const int rows = 19;
    const std::vector<float> weight = Random(n * k, 1);
    const std::vector<float> bias = Random(n, 2);
    const std::vector<float> x = Random(rows * k, 3);
    for (const Precision precision : kAllPrecisions) {
      const Layer linear(weight, bias.data(), n, k, precision);
      for (const int some : {1, 3, rows}) {
        ExpectTheSame(size_t(some) * n, absl::StrCat(PrecisionName(precision), " ", n, " x ", k),
                      [&](const Kernels& kernels, float* y) {
                        linear.Apply(kernels, x.data(), some, y);
                        linear.Apply(kernels, x.data(), some, y, /*accumulate=*/true);
                      });
      }
    }
  }
};

TEST_F(FusedKernelsTest, LinearLayers) {
  for (const auto& [n, k] : std::vector<std::pair<int, int>>{
           {70, 1501}, {32, 35}, {128, 32}, {128, 64}, {16, 6}, {1, 14}, {8, 1}}) {
    CompareLinear(n, k);
  }
}

TEST_F(FusedKernelsTest, Attention) {
  for (const KvFormat format : kAllKvFormats) {
    for (const int dim : {24, 64, 72}) {
      Head head(dim, 700, 7, format);
      const std::vector<float> q = Random(size_t{7} * dim, 9, 3.0f);
      for (const std::vector<int>& lengths : std::vector<std::vector<int>>{
               {1}, {17}, {700}, {3, 5}, {130, 256, 511, 8, 9, 100, 699}}) {
        ExpectTheSame(lengths.size() * dim, KvFormatName(format),
                      [&](const Kernels& kernels, float* y) {
                        const std::vector<float> out = head.Attend(kernels, q.data(), lengths);
                        std::copy(out.begin(), out.end(), y);
                      });
      }
    }
  }
}

TEST_F(FusedKernelsTest, NormsAndActivations) {
  for (const int n : {1, 4, 7, 8, 15, 16, 17, 31, 64, 100, 1024, 1531}) {
    std::vector<float> x = Random(n, 4, 3.0f);
    const std::vector<float> weight = Random(n, 5), bias = Random(n, 6);
    ExpectTheSame(n, "LayerNorm", [&](const Kernels& kernels, float* y) {
      kernels.layer_norm(x.data(), weight.data(), bias.data(), n, y);
    });
    for (int i = 0; i < n; ++i) x[i] *= i % 2 == 0 ? 1.0f : 20.0f;
    ExpectTheSame(n, "GELU", [&](const Kernels& kernels, float* y) {
      std::copy(x.begin(), x.end(), y);
      kernels.gelu(y, n);
    });
    ExpectTheSame(n, "ELU",
                  [&](const Kernels& kernels, float* y) { kernels.elu(x.data(), n, 1.0f, y); });
  }
}

TEST_F(FusedKernelsTest, LstmStepsAndDotProducts) {
  for (const int n : {1, 7, 14, 16, 17, 31, 100, 448}) {
    const std::vector<float> gates = Random(size_t{4} * n, 4, 3.0f), c = Random(n, 5);
    ExpectTheSame(size_t{2} * n, "LSTM", [&](const Kernels& kernels, float* y) {
      std::copy(c.begin(), c.end(), y);
      kernels.lstm(gates.data(), n, y, y + n);
    });
    ExpectTheSame(1, "dot", [&](const Kernels& kernels, float* y) {
      *y = kernels.dot(gates.data(), c.data(), n);
    });
  }
}

TEST_P(KernelsTest, LstmStepsAreExact) {
  const int n = 37;
  std::vector<float> gates = Random(size_t{4} * n, 4, 6.0f), c = Random(n, 5, 2.0f), h(n);
  gates[0] = gates[n + 1] = 1e30f;
  gates[2] = gates[n + 3] = -1e30f;
  const std::vector<float> before = c;
  kernels().lstm(gates.data(), n, c.data(), h.data());
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (int i = 0; i < n; ++i) {
    const double cell =
        sigmoid(gates[n + i]) * before[i] + sigmoid(gates[i]) * std::tanh(double{gates[2 * n + i]});
    ASSERT_NEAR(c[i], cell, 1e-6) << i;
    ASSERT_NEAR(h[i], sigmoid(gates[3 * n + i]) * std::tanh(cell), 1e-6) << i;
  }
}

TEST_P(KernelsTest, DotProductsAreExact) {
  for (const int n : {1, 15, 16, 33, 448}) {
    const std::vector<float> a = Random(n, 1), b = Random(n, 2);
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += double{a[i]} * b[i];
    EXPECT_NEAR(kernels().dot(a.data(), b.data(), n), sum, 1e-5) << n;
  }
}

TEST_P(KernelsTest, LayerNormHasMeanZeroAndVarianceOne) {
  for (const int n : {1, 5, 16, 48, 64, 100, 1024, 1536}) {
    for (const float offset : {0.0f, 100.0f}) {
      std::vector<float> x = Random(n, 4, 3.0f);
      for (float& value : x) value += offset;
      const std::vector<float> weight = Random(n, 5), bias = Random(n, 6);
      std::vector<float> y(n);
      kernels().layer_norm(x.data(), weight.data(), bias.data(), n, y.data());
      double mean = 0, variance = 0;
      for (const float value : x) mean += value;
      mean /= n;
      for (const float value : x) variance += (value - mean) * (value - mean);
      variance /= n;
      for (int i = 0; i < n; ++i) {
        const double expected = (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i];
        ASSERT_NEAR(y[i], expected, offset == 0 ? 2e-6 : 1e-4)
            << n << " elements, offset " << offset;
      }
    }
  }
}

TEST_P(KernelsTest, GeluIsExact) {
  std::vector<float> x;
  for (float value = -12.0f; value < 12.0f; value += 0.0007f) x.push_back(value);
  for (const float value : {0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f, -1e30f}) x.push_back(value);
  std::vector<float> y = x;
  kernels().gelu(y.data(), static_cast<int64_t>(y.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = 0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0)));
    ASSERT_NEAR(y[i], expected, 2e-7 * std::max(1.0, std::abs(double{x[i]})))
        << "gelu(" << x[i] << ")";
  }
}

TEST_P(KernelsTest, EluIsExact) {
  std::vector<float> x;
  for (float value = -110.0f; value < 20.0f; value += 0.0013f) x.push_back(value);
  for (const float value : {0.0f, -1e-30f, 1e30f, -1e30f}) x.push_back(value);
  std::vector<float> y(x.size());
  for (const float alpha : {1.0f, 0.3f}) {
    kernels().elu(x.data(), static_cast<int64_t>(x.size()), alpha, y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = x[i] > 0 ? double{x[i]} : alpha * std::expm1(double{x[i]});
      ASSERT_NEAR(y[i], expected, 2e-7) << "elu(" << x[i] << ")";
    }
  }
}

// An element's result depends on the element alone, not on where it stands.
TEST_P(KernelsTest, ElementsDoNotDependOnTheirPlace) {
  const std::vector<float> x = Random(100, 8, 4.0f);
  std::vector<float> gelu = x, elu(100);
  kernels().gelu(gelu.data(), 100);
  kernels().elu(x.data(), 100, 1.0f, elu.data());
  for (int i = 0; i < 100; ++i) {
    float one = x[i];
    kernels().gelu(&one, 1);
    ASSERT_TRUE(SameBits(&one, &gelu[i], 1)) << i;
    kernels().elu(&x[i], 1, 1.0f, &one);
    ASSERT_TRUE(SameBits(&one, &elu[i], 1)) << i;
  }
}

TEST(KernelChoiceTest, FindsThemByName) {
  EXPECT_EQ(*FindKernels(""), All()[0]);
  for (const Kernels* kernels : All()) EXPECT_EQ(*FindKernels(kernels->name), kernels);
  const absl::Status unknown = FindKernels("sse9").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()),
              testing::AllOf(testing::HasSubstr("'sse9'"), testing::HasSubstr(All()[0]->name),
                             testing::HasSubstr("amx, avx512vnni, avx512, avx2, base")));
}

}  // namespace
}  // namespace vidmuse::cpu
