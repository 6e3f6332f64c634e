// Every kernel, for every instruction set this machine has, against LibTorch's own operators. For
// reduced precisions the operators get the numbers that are stored: what is left is the kernels'
// arithmetic alone.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "core/model/cpu/codec_layers.h"
#include "core/model/cpu/codec_lstm.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/kernels/packed_linear.h"
#include "core/model/cpu/kv/kv_cache.h"
#include "gtest/gtest.h"

namespace vidmuse::cpu {
namespace {

at::Tensor Random(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat);
}

std::vector<float> Values(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().reshape({-1});
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

at::Tensor FromValues(const std::vector<float>& values, at::IntArrayRef sizes) {
  return at::tensor(values, at::kFloat).reshape(sizes);
}

// Largest difference, relative to the largest number expected.
double Error(const std::vector<float>& values, const at::Tensor& expected) {
  const at::Tensor got = FromValues(values, expected.sizes());
  return ((got - expected).abs().max() / expected.abs().max()).item<double>();
}

// `rows` [n, k] as `precision` stores them; int8 has a scale a row.
at::Tensor Stored(const at::Tensor& rows, Precision precision) {
  switch (precision) {
    case Precision::kFp32:
    case Precision::kFp32Full:
      return rows;
    case Precision::kBf16:
      return rows.to(at::kBFloat16).to(at::kFloat);
    case Precision::kFp16:
      return rows.to(at::kHalf).to(at::kFloat);
    case Precision::kInt8:
    case Precision::kInt4:
      break;
  }
  const at::Tensor scale = rows.abs().amax({1}, true) / 127;
  return at::round(rows / scale) * scale;
}

// Keys or values [n, k] as they are kept; a row's scale of integers is rounded up to bfloat16.
at::Tensor Kept(const at::Tensor& rows, KvFormat format) {
  if (format == KvFormat::kFp16) return Stored(rows, Precision::kFp16);
  if (format == KvFormat::kFloat32) return rows;
  if (format == KvFormat::kFloat24) {
    const at::Tensor bits = rows.view(at::kInt);
    const at::Tensor odd = bits.bitwise_right_shift(8).bitwise_and(1);
    return (bits + 0x7f + odd).bitwise_and(~0xff).view(at::kFloat);
  }
  const at::Tensor scale = rows.abs().amax({1}, true) / LargestInteger(format);
  const at::Tensor up = (scale.view(at::kInt) + 0xffff).bitwise_and(~0xffff).view(at::kFloat);
  return at::round(rows / up) * up;
}

std::vector<const Kernels*> All() {
  at::set_num_threads(1);  // small tensors
  int count = 0;
  const Kernels* const* all = AvailableKernels(&count);
  return {all, all + count};
}

class KernelsAtenTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Machine, KernelsAtenTest, testing::ValuesIn(All()),
                         [](const auto& info) { return std::string(info.param->name); });

class StoredKernelsAtenTest : public testing::TestWithParam<std::tuple<const Kernels*, Precision>> {
 protected:
  const Kernels& kernels() const { return *std::get<0>(GetParam()); }
  Precision precision() const { return std::get<1>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Machine, StoredKernelsAtenTest,
                         // int4's scales are searched for: kernels_test has its tests.
                         testing::Combine(testing::ValuesIn(All()),
                                          testing::Values(Precision::kFp32, Precision::kBf16,
                                                          Precision::kFp16, Precision::kInt8)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)->name) + "_" +
                                  PrecisionName(std::get<1>(info.param));
                         });

class KvKernelsAtenTest : public testing::TestWithParam<std::tuple<const Kernels*, KvFormat>> {
 protected:
  const Kernels& kernels() const { return *std::get<0>(GetParam()); }
  KvFormat format() const { return std::get<1>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Machine, KvKernelsAtenTest,
                         testing::Combine(testing::ValuesIn(All()),
                                          testing::ValuesIn(kAllKvFormats)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)->name) + "_" +
                                  KvFormatName(std::get<1>(info.param));
                         });

TEST_P(StoredKernelsAtenTest, Linear) {
  // int8 rounds each row of x to 16 bits.
  const double tolerance = precision() == Precision::kInt8 ? 5e-5 : 3e-6;
  for (const auto& [n, k, rows] : {std::tuple{1, 5, 1},
                                   {48, 64, 2},
                                   {100, 33, 7},
                                   {256, 1024, 8},
                                   {70, 1025, 13},
                                   {96, 512, 16},
                                   {33, 64, 40},
                                   {64, 128, 130}}) {
    const at::Tensor weight = Random({n, k}, 1), bias = Random({n}, 2), x = Random({rows, k}, 3);
    const std::vector<float> w = Values(weight), b = Values(bias), in = Values(x);
    const PackedLinear linear(w.data(), b.data(), n, k, precision());
    std::vector<float> y(static_cast<size_t>(rows) * n, NAN);
    std::vector<float> scratch(LinearScratch(precision(), rows, k));
    linear.Apply(kernels(), in.data(), k, rows, y.data(), n, false, scratch.data());
    const at::Tensor stored = Stored(weight, precision());
    EXPECT_LT(Error(y, at::linear(x, stored, bias)), tolerance)
        << n << " outputs, " << k << " inputs, " << rows << " rows";
    linear.Apply(kernels(), in.data(), k, rows, y.data(), n, true, scratch.data());
    EXPECT_LT(Error(y, 2 * at::linear(x, stored, bias)), tolerance) << "accumulated";
  }
}

TEST_P(KvKernelsAtenTest, Attention) {
  // Beside integers queries and weights are rounded to 16 bits.
  const double tolerance = IsInteger(format()) ? 2e-4 : 5e-6;
  for (const auto& [dim, positions, rows] : {std::tuple{64, 1, 1},
                                             {64, 37, 1},
                                             {64, 700, 2},
                                             {64, 3000, 1},
                                             {48, 129, 3},
                                             {24, 300, 5},
                                             {15, 50, 1},
                                             {128, 260, 6}}) {
    const at::Tensor q = Random({rows, dim}, 4), keys = Random({positions, dim}, 5),
                     values = Random({positions, dim}, 6);
    const std::vector<float> k = Values(keys), v = Values(values), queries = Values(q);
    KvCache cache(format(), 1, 2, dim, positions);
    cache.Write(0, 1, 0, positions, k.data(), v.data(), dim);
    // Causal, as the last `rows` steps of a sequence.
    std::vector<int> lengths;
    at::Tensor hidden = at::zeros({rows, positions}, at::kFloat);
    for (int r = 0; r < rows; ++r) {
      lengths.push_back(std::max(1, positions - rows + 1 + r));
      hidden.index_put_({r, at::indexing::Slice(lengths.back(), at::indexing::None)}, -INFINITY);
    }
    std::vector<float> out(static_cast<size_t>(rows) * dim, NAN);
    std::vector<float> scratch(AttentionScratch(positions, dim), NAN);
    AttentionArgs args;
    args.q = queries.data();
    args.q_stride = dim;
    args.rows = rows;
    args.lengths = lengths.data();
    cache.Describe(0, 1, &args);
    args.scale = 1.0f / std::sqrt(static_cast<float>(dim));
    args.out = out.data();
    args.out_stride = dim;
    args.scratch = scratch.data();
    kernels().attention[static_cast<int>(format())](args);
    const at::Tensor scores = at::matmul(q, Kept(keys, format()).t()) * args.scale + hidden;
    const at::Tensor expected = at::matmul(at::softmax(scores, 1), Kept(values, format()));
    EXPECT_LT(Error(out, expected), tolerance)
        << "head_dim " << dim << ", " << positions << " positions, " << rows << " rows";
  }
}

TEST_P(KernelsAtenTest, LayerNorm) {
  for (const int n : {1, 24, 100, 1024, 1536}) {
    const at::Tensor x = Random({n}, 1) * 3 + 2, weight = Random({n}, 2), bias = Random({n}, 3);
    const std::vector<float> in = Values(x), w = Values(weight), b = Values(bias);
    std::vector<float> y(n);
    kernels().layer_norm(in.data(), w.data(), b.data(), n, y.data());
    EXPECT_LT(Error(y, at::layer_norm(x, {n}, weight, bias, 1e-5)), 2e-6) << n;
  }
}

TEST_P(KernelsAtenTest, GeluAndElu) {
  const at::Tensor x = Random({4099}, 1) * 3;
  const std::vector<float> in = Values(x);
  std::vector<float> y = in;
  kernels().gelu(y.data(), static_cast<int64_t>(y.size()));
  EXPECT_LT(Error(y, at::gelu(x)), 1e-7);
  kernels().elu(in.data(), static_cast<int64_t>(in.size()), 0.7f, y.data());
  EXPECT_LT(Error(y, at::elu(x, 0.7)), 1e-7);
}

// Signals are [time][channels] here, [channels][time] there.
TEST_P(KernelsAtenTest, Convolution) {
  for (const bool reflect : {false, true}) {
    for (const auto& [out, in, kernel, time] :
         {std::tuple{1, 1, 1, 9}, {5, 3, 7, 40}, {64, 32, 3, 33}, {17, 40, 7, 100}}) {
      const at::Tensor weight = Random({out, in, kernel}, 1), bias = Random({out}, 2),
                       x = Random({time, in}, 3);
      const ConvWeights weights(Values(weight), Values(bias), out, in, kernel, reflect,
                                Precision::kFp32);
      ConvState state;
      Signal y;
      Convolve(weights, kernels(), Values(x), true, state, &y);
      const at::Tensor signal = x.t().unsqueeze(0);
      const std::vector<int64_t> pad = {weights.pad_left(), weights.pad_right()};
      const at::Tensor padded =
          reflect ? at::reflection_pad1d(signal, pad) : at::constant_pad_nd(signal, pad);
      EXPECT_LT(Error(y, at::conv1d(padded, weight, bias)[0].t()), 3e-6)
          << out << " of " << in << " channels, kernel " << kernel << ", reflect " << reflect;
    }
  }
}

TEST_P(KernelsAtenTest, TransposedConvolution) {
  for (const auto& [in, out, stride, time] :
       {std::tuple{1, 1, 2, 5}, {6, 3, 4, 20}, {32, 16, 5, 33}, {40, 20, 8, 50}}) {
    const at::Tensor weight = Random({in, out, 2 * stride}, 1), bias = Random({out}, 2),
                     x = Random({time, in}, 3);
    const UpsamplingWeights weights(Values(weight), Values(bias), in, out, stride,
                                    Precision::kFp32);
    UpsamplingState state;
    Signal y;
    Upsample(weights, kernels(), Values(x), true, state, &y);
    const at::Tensor whole = at::conv_transpose1d(x.t().unsqueeze(0), weight, bias, stride)[0];
    const int64_t trim = (stride + 1) / 2;
    EXPECT_LT(Error(y, whole.narrow(1, trim, static_cast<int64_t>(time) * stride).t()), 3e-6)
        << in << " to " << out << " channels, stride " << stride;
  }
}

TEST_P(KernelsAtenTest, LongShortTermMemory) {
  for (const auto& [size, time] : {std::pair{1, 3}, {24, 30}, {100, 17}}) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(size));
    const at::Tensor w_ih = Random({4 * size, size}, 1) * scale,
                     w_hh = Random({4 * size, size}, 2) * scale, b_ih = Random({4 * size}, 3),
                     b_hh = Random({4 * size}, 4), x = Random({time, size}, 5);
    const LstmLayer layer(Values(w_ih), Values(w_hh), Values(b_ih), Values(b_hh), size, kernels(),
                          Precision::kFp32);
    LstmState state;
    Signal y;
    layer.Run(Values(x), state, &y);
    const at::Tensor zero = at::zeros({1, 1, size}, at::kFloat);
    const auto [expected, h, c] =
        at::lstm(x.unsqueeze(1), {zero, zero}, {w_ih, w_hh, b_ih, b_hh}, /*has_biases=*/true,
                 /*num_layers=*/1, /*dropout=*/0.0, /*train=*/false, /*bidirectional=*/false,
                 /*batch_first=*/false);
    EXPECT_LT(Error(y, expected.squeeze(1)), 3e-6) << size << " wide";
    EXPECT_LT(Error(state.h, h.reshape({size})), 3e-6);
    EXPECT_LT(Error(state.c, c.reshape({size})), 3e-6);
  }
}

}  // namespace
}  // namespace vidmuse::cpu
