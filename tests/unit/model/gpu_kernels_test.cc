// The GPU's kernels, run on the host, against the same in double. Bits are equal in any company.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/model/architecture/sampler.h"
#include "tests/unit/model/gpu_kernels_test_util.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse::gpu {
namespace {

using ::testing::ElementsAreArray;
using ::testing::FloatNear;
using ::testing::Pointwise;

std::vector<float> NormRows(const std::vector<float>& x, int inputs, const std::vector<float>& w,
                            const std::vector<float>& b) {
  std::vector<float> y(x.size());
  for (size_t row = 0; row < x.size(); row += inputs) {
    double mean = 0, squares = 0;
    for (int i = 0; i < inputs; ++i) mean += x[row + i] / double(inputs);
    for (int i = 0; i < inputs; ++i) squares += (x[row + i] - mean) * (x[row + i] - mean);
    const double scale = 1 / std::sqrt(squares / inputs + 1e-5);
    for (int i = 0; i < inputs; ++i) y[row + i] = (x[row + i] - mean) * scale * w[i] + b[i];
  }
  return y;
}

std::vector<Moments> MomentsOf(const float* x, size_t size) {
  std::vector<Moments> moments;
  for (size_t at = 0; at < size; at += 8) {
    double mean = 0, squares = 0;
    for (size_t i = at; i < at + 8; ++i) mean += x[i] / 8.0;
    for (size_t i = at; i < at + 8; ++i) squares += (x[i] - mean) * (x[i] - mean);
    moments.push_back({float(mean), float(squares)});
  }
  return moments;
}

// A layer's tensors, and what comes of them in double.
struct LinearCase {
  WeightFormat format;
  int rows, inputs, outputs;
  bool norm;
  Epilogue epilogue;
};

class LinearData {
 public:
  explicit LinearData(const LinearCase& c) : c_(c) {
    Randoms randoms(7);
    x = randoms.Floats(size_t(c.rows) * c.inputs);
    for (size_t i = 0; i < x.size(); i += 97) x[i] *= 30;  // some channels are large
    norm_weight = randoms.Floats(c.inputs);
    norm_bias = randoms.Floats(c.inputs);
    const std::vector<float> w =
        randoms.Floats(size_t(c.outputs) * c.inputs, 1 / std::sqrt(float(c.inputs)));
    bias = randoms.Floats(c.outputs);
    residual = randoms.Floats(size_t(c.rows) * c.outputs);
    if (c.format == WeightFormat::kInt8) {
      scales.resize(c.outputs);
      for (float& scale : scales) scale = 0.001f * (1 + std::abs(randoms.Next()));
      for (const float value : w) bytes.push_back(int8_t(std::clamp(value * 400, -127.f, 127.f)));
    } else if (c.format == WeightFormat::kBf16) {
      halves = Narrow<Number::kBf16>(w);
      narrow_x = Narrow<Number::kBf16>(x);
    } else {
      halves = Narrow<Number::kFp16>(w);
    }
    if (c.format != WeightFormat::kBf16) narrow_x = Narrow<Number::kFp16>(x);
  }

  // Of rows [first, first + count).
  std::vector<float> Run(int first, int count, bool last_first = false) const {
    LinearArgs args;
    args.x = c_.norm ? static_cast<const void*>(x.data() + size_t(first) * c_.inputs)
                     : narrow_x.data() + size_t(first) * c_.inputs;
    std::vector<Moments> moments, out_moments(size_t(count) * c_.outputs / 8, {NAN, NAN});
    if (c_.norm) {
      args.norm_weight = norm_weight.data(), args.norm_bias = norm_bias.data();
      moments = MomentsOf(x.data() + size_t(first) * c_.inputs, size_t(count) * c_.inputs);
      args.moments = moments.data();
    }
    args.weights = bytes.empty() ? static_cast<const void*>(halves.data()) : bytes.data();
    if (!bytes.empty()) args.scales = scales.data();
    args.bias = bias.data();
    args.rows = count;
    args.inputs = c_.inputs;
    args.outputs = c_.outputs;
    args.epilogue = c_.epilogue;
    const size_t size = size_t(count) * c_.outputs;
    std::vector<float> wide(residual.begin() + size_t(first) * c_.outputs,
                            residual.begin() + size_t(first) * c_.outputs + size);
    std::vector<uint16_t> narrow(size, 0x7fff);
    const bool is_wide = c_.epilogue == Epilogue::kFloat || c_.epilogue == Epilogue::kResidual;
    args.out = is_wide ? static_cast<void*>(wide.data()) : narrow.data();
    if (c_.epilogue == Epilogue::kResidual) args.out_moments = out_moments.data();
    HostLauncher(c_.format, last_first).Linear(args);
    if (c_.epilogue == Epilogue::kResidual) {
      const std::vector<Moments> expected = MomentsOf(wide.data(), size);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(out_moments[i].mean, expected[i].mean, 1e-5 * (1 + std::abs(expected[i].mean)));
        EXPECT_NEAR(out_moments[i].squares, expected[i].squares, 1e-5 * (1 + expected[i].squares));
      }
    }
    if (is_wide) return wide;
    return c_.format == WeightFormat::kBf16 ? Wide<Number::kBf16>(narrow)
                                            : Wide<Number::kFp16>(narrow);
  }

  std::vector<float> Expected() const {
    std::vector<float> in = c_.norm ? NormRows(x, c_.inputs, norm_weight, norm_bias) : x;
    in = c_.format == WeightFormat::kBf16 ? Wide<Number::kBf16>(Narrow<Number::kBf16>(in))
                                          : Wide<Number::kFp16>(Narrow<Number::kFp16>(in));
    std::vector<float> out;
    for (int row = 0; row < c_.rows; ++row) {
      for (int o = 0; o < c_.outputs; ++o) {
        double sum = 0;
        for (int i = 0; i < c_.inputs; ++i) {
          sum += double(in[size_t(row) * c_.inputs + i]) * Weight(size_t(o) * c_.inputs + i);
        }
        sum = (bytes.empty() ? sum : sum * scales[o]) + bias[o];
        if (c_.epilogue == Epilogue::kGelu) sum = sum * 0.5 * (1 + std::erf(sum / std::sqrt(2.0)));
        if (c_.epilogue == Epilogue::kResidual) sum += residual[size_t(row) * c_.outputs + o];
        out.push_back(float(sum));
      }
    }
    return out;
  }

  std::vector<float> x, norm_weight, norm_bias, bias, residual, scales;
  std::vector<uint16_t> halves, narrow_x;
  std::vector<int8_t> bytes;

 private:
  double Weight(size_t i) const {
    if (!bytes.empty()) return bytes[i];
    return c_.format == WeightFormat::kBf16 ? ToFloat<Number::kBf16>(halves[i])
                                            : ToFloat<Number::kFp16>(halves[i]);
  }

  const LinearCase c_;
};

const LinearCase kLinearCases[] = {
    {WeightFormat::kFp16, 2, 256, 16, false, Epilogue::kResidual},
    {WeightFormat::kFp16, 35, 256, 8, true, Epilogue::kStore},
    {WeightFormat::kFp16, 11, 1024, 8, false, Epilogue::kResidual},
    {WeightFormat::kFp16, 3, 1280, 8, true, Epilogue::kFloat},
    {WeightFormat::kFp16, 2, 256, 2880, true, Epilogue::kGelu},   // 3 tiles a block
    {WeightFormat::kFp16, 17, 256, 3840, true, Epilogue::kGelu},  // 4
    {WeightFormat::kFp16, 18, 2048, 8, false, Epilogue::kStore},
    {WeightFormat::kBf16, 20, 256, 8, true, Epilogue::kStore},
    {WeightFormat::kBf16, 2, 1536, 8, false, Epilogue::kFloat},
    {WeightFormat::kInt8, 2, 512, 8, true, Epilogue::kStore},
    {WeightFormat::kInt8, 18, 4096, 8, false, Epilogue::kResidual},
};

class LinearTest : public testing::TestWithParam<LinearCase> {};

TEST_P(LinearTest, IsTheSameInDouble) {
  const LinearCase& c = GetParam();
  const LinearData data(c);
  const std::vector<float> expected = data.Expected();
  const std::vector<float> result = data.Run(0, c.rows);
  // One rounding of LayerNorm's result may fall to the other side: 2^-11 (bf16: 2^-8) of one term
  // in many; and the result's own.
  const double step = c.format == WeightFormat::kBf16 ? 0x1p-8 : 0x1p-11;
  double most = 0, squares = 0, errors = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(double(result[i]) - expected[i]);
    squares += double(expected[i]) * expected[i], errors += error * error;
    most = std::max(most, error / (std::abs(expected[i]) + 1));
  }
  EXPECT_LT(most, 3 * step);
  EXPECT_LT(std::sqrt(errors / squares), step);
}

TEST_P(LinearTest, HasTheSameBitsInAnyCompanyAndOrder) {
  const LinearCase& c = GetParam();
  const LinearData data(c);
  const std::vector<float> all = data.Run(0, c.rows);
  EXPECT_THAT(data.Run(0, c.rows, /*last_first=*/true), ElementsAreArray(all));
  const int rows[] = {0, c.rows / 2, c.rows - 1};
  for (const int row : rows) {
    const std::vector<float> alone(all.begin() + size_t(row) * c.outputs,
                                   all.begin() + size_t(row + 1) * c.outputs);
    EXPECT_THAT(data.Run(row, 1), ElementsAreArray(alone)) << "row " << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LinearTest, testing::ValuesIn(kLinearCases));

// Keys and values of `slots`, and what attention makes of them.
class AttentionData {
 public:
  static constexpr int kHeads = 2, kPositions = 600, kSlots = 3, kNull = 50;
  static constexpr size_t kDim = kHeads * kHeadDim;

  AttentionData() {
    Randoms randoms(11);
    const size_t size = size_t(kSlots) * 2 * kDim * kPositions;
    keys = Narrow<Number::kFp16>(randoms.Floats(size, 1.5f));
    values = Narrow<Number::kFp16>(randoms.Floats(size));
    null_keys = Narrow<Number::kFp16>(randoms.Floats(kDim * kNull));
    null_values = Narrow<Number::kFp16>(randoms.Floats(kDim * kNull));
    layout.position = kHeadDim;
    layout.head = kHeadDim * kPositions;
    layout.row = kDim * kPositions;
    layout.slot = 2 * layout.row;
  }

  AttentionArgs Args(const std::vector<StepInput>& steps, const std::vector<uint16_t>& q,
                     bool cross, std::vector<uint16_t>& out) {
    AttentionArgs args;
    args.steps = steps.data();
    args.q = q.data();
    out.assign(q.size(), 0x7fff);
    args.out = out.data();
    args.keys = keys.data();
    args.values = values.data();
    args.layout = layout;
    if (cross) args.null_keys = null_keys.data(), args.null_values = null_values.data();
    args.null_tokens = kNull;
    args.heads = kHeads;
    args.positions = kPositions;
    partials.assign(AttentionPartials(int(q.size() / kDim), kHeads, kPositions), NAN);
    counters.assign(AttentionCounters(int(q.size() / kDim), kHeads), 0);
    args.partials = partials.data();
    args.counters = counters.data();
    return args;
  }

  std::vector<float> Run(const std::vector<StepInput>& steps, const std::vector<uint16_t>& q,
                         bool cross, bool last_first = false) {
    std::vector<uint16_t> out;
    const AttentionArgs args = Args(steps, q, cross, out);
    HostLauncher(WeightFormat::kFp16, last_first).Attention(args, int(q.size() / kDim));
    EXPECT_THAT(counters, testing::Each(0u));
    return Wide<Number::kFp16>(out);
  }

  // One row's head in double: `k` and `v` are [length][64].
  static std::vector<double> Attend(const float* q, const uint16_t* k, const uint16_t* v,
                                    int length) {
    std::vector<double> scores(length), out(kHeadDim);
    double sum = 0;
    for (int p = 0; p < length; ++p) {
      for (int c = 0; c < kHeadDim; ++c) {
        scores[p] += double(q[c]) * ToFloat<Number::kFp16>(k[p * kHeadDim + c]) / 8;
      }
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    for (double& score : scores) sum += score = std::exp(score - most);
    for (int p = 0; p < length; ++p) {
      for (int c = 0; c < kHeadDim; ++c) {
        out[c] += scores[p] / sum * ToFloat<Number::kFp16>(v[p * kHeadDim + c]);
      }
    }
    return out;
  }

  std::vector<double> Expected(const StepInput& step, int row, int head,
                               const std::vector<float>& q, bool cross) const {
    const float* own = q.data() + row * kDim + head * kHeadDim;
    if (cross && row % 2 == 1) {
      const size_t at = size_t(head) * kNull * kHeadDim;
      return Attend(own, null_keys.data() + at, null_values.data() + at, kNull);
    }
    const size_t at = step.slot * layout.slot + row % 2 * layout.row + head * layout.head;
    return Attend(own, keys.data() + at, values.data() + at,
                  cross ? step.condition_tokens : step.position + 1);
  }

  std::vector<uint16_t> keys, values, null_keys, null_values;
  KvLayout layout;
  std::vector<float> partials;
  std::vector<uint32_t> counters;
};

std::vector<StepInput> Steps(const std::vector<int>& slots, const std::vector<int>& lengths) {
  std::vector<StepInput> steps(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    steps[i].slot = slots[i];
    steps[i].position = steps[i].first_new = lengths[i] - 1;
    steps[i].condition_tokens = lengths[i];
  }
  return steps;
}

TEST(AttentionTest, IsTheSameInDouble) {
  AttentionData data;
  Randoms randoms(3);
  for (const bool cross : {false, true}) {
    for (const int length : {1, 2, 33, 256, 257, 600}) {
      const auto steps = Steps({1, 2}, {length, 600});
      const auto q = Narrow<Number::kFp16>(randoms.Floats(4 * data.kDim));
      const std::vector<float> out = data.Run(steps, q, cross);
      for (int row = 0; row < 4; ++row) {
        for (int head = 0; head < data.kHeads; ++head) {
          const std::vector<double> expected =
              data.Expected(steps[row / 2], row, head, Wide<Number::kFp16>(q), cross);
          const float* own = out.data() + row * data.kDim + head * kHeadDim;
          EXPECT_THAT(std::vector<float>(own, own + kHeadDim), Pointwise(FloatNear(2e-3), expected))
              << "length " << length << ", row " << row;
        }
      }
    }
  }
}

TEST(AttentionTest, HasTheSameBitsInAnyCompanySlotAndOrder) {
  AttentionData data;
  // Slots 0 and 2 hold the same.
  for (auto* tensor : {&data.keys, &data.values}) {
    std::copy_n(tensor->begin(), data.layout.slot, tensor->begin() + 2 * data.layout.slot);
  }
  Randoms randoms(5);
  const auto mine = Narrow<Number::kFp16>(randoms.Floats(2 * data.kDim));
  for (const bool cross : {false, true}) {
    const std::vector<float> alone = data.Run(Steps({0}, {300}), mine, cross);
    std::vector<uint16_t> q = Narrow<Number::kFp16>(randoms.Floats(2 * data.kDim));
    q.insert(q.end(), mine.begin(), mine.end());
    for (const bool last_first : {false, true}) {
      std::vector<float> both = data.Run(Steps({1, 2}, {600, 300}), q, cross, last_first);
      both.erase(both.begin(), both.begin() + 2 * data.kDim);
      EXPECT_THAT(both, ElementsAreArray(alone));
    }
  }
}

TEST(AttentionTest, NeverReadsPastTheEndNorIdleSlots) {
  AttentionData data;
  for (auto* tensor : {&data.keys, &data.values}) {  // NaN behind position 9
    for (size_t i = 0; i < tensor->size(); ++i) {
      if (i / kHeadDim % data.kPositions > 9) (*tensor)[i] = 0x7fff;
    }
  }
  Randoms randoms(5);
  const auto q = Narrow<Number::kFp16>(randoms.Floats(4 * data.kDim));
  for (const bool cross : {false, true}) {
    const std::vector<float> out = data.Run(Steps({0, -1}, {10, 1}), q, cross);
    for (size_t i = 0; i < 2 * data.kDim; ++i) ASSERT_TRUE(std::isfinite(out[i]));
  }
}

// Two channels of each head's keys are 20 times the others, as trained models have them.
TEST(QuantizeTest, EightBitsStayWithinTheirBound) {
  using Data = AttentionData;
  Data data;
  constexpr int kTokens = 300, kSlot = 1;
  Randoms randoms(9);
  std::vector<float> wide_keys = randoms.Floats(kTokens * Data::kDim);
  for (size_t i = 0; i < wide_keys.size(); ++i) {
    if (i % kHeadDim == 5 || i % kHeadDim == 40) wide_keys[i] *= 20;
  }
  const auto keys = Narrow<Number::kFp16>(wide_keys);
  const auto values = Narrow<Number::kFp16>(randoms.Floats(kTokens * Data::kDim));
  std::vector<float> q = randoms.Floats(2 * Data::kDim);
  for (size_t i = 0; i < q.size(); ++i) {
    if (i % kHeadDim == 5 || i % kHeadDim == 40) q[i] /= 20;
  }
  const size_t size = data.keys.size();
  std::vector<int8_t> k8(size), v8(size);
  std::vector<float> k_scales(Data::kSlots * Data::kDim);
  std::vector<float> v_scales(Data::kSlots * Data::kHeads * Data::kPositions);
  QuantizeArgs quantize;
  quantize.keys = keys.data(), quantize.values = values.data();
  quantize.row_stride = Data::kDim;
  quantize.tokens = kTokens;
  quantize.to_keys = k8.data() + kSlot * data.layout.slot;
  quantize.to_values = v8.data() + kSlot * data.layout.slot;
  quantize.layout = data.layout;
  quantize.k_scales = k_scales.data() + kSlot * Data::kDim;
  quantize.v_scales = v_scales.data() + kSlot * Data::kHeads * Data::kPositions;
  quantize.positions = Data::kPositions;
  HostLauncher(WeightFormat::kFp16).Quantize(quantize, Data::kHeads);

  const auto narrow_q = Narrow<Number::kFp16>(q);
  std::vector<uint16_t> out;
  const auto steps = Steps({kSlot}, {kTokens});
  AttentionArgs args = data.Args(steps, narrow_q, /*cross=*/true, out);
  args.keys = k8.data(), args.values = v8.data();
  args.k_scales = k_scales.data(), args.v_scales = v_scales.data();
  HostLauncher(WeightFormat::kFp16).Attention(args, 2);

  for (int head = 0; head < Data::kHeads; ++head) {
    std::vector<uint16_t> k, v;
    float most = 0, most_scale = 0;
    for (int p = 0; p < kTokens; ++p) {
      for (int c = 0; c < kHeadDim; ++c) {
        k.push_back(keys[p * Data::kDim + head * kHeadDim + c]);
        v.push_back(values[p * Data::kDim + head * kHeadDim + c]);
        most = std::max(most, std::abs(ToFloat<Number::kFp16>(v.back())));
      }
      most_scale = std::max(most_scale, quantize.v_scales[head * Data::kPositions + p]);
    }
    double d = 0;
    for (int c = 0; c < kHeadDim; ++c) {
      d += std::abs(q[head * kHeadDim + c]) * quantize.k_scales[head * kHeadDim + c] / 16;
    }
    const double bound = most * std::expm1(2 * d) + most_scale / 2 + 1e-3;
    const std::vector<double> expected = Data::Attend(
        Wide<Number::kFp16>(narrow_q).data() + head * kHeadDim, k.data(), v.data(), kTokens);
    double error = 0, squares = 0;
    for (int c = 0; c < kHeadDim; ++c) {
      const double own = ToFloat<Number::kFp16>(out[head * kHeadDim + c]) - expected[c];
      EXPECT_LT(std::abs(own), bound);
      error += own * own, squares += expected[c] * expected[c];
    }
    // The bound is for the worst of cases; with one scale for all channels this is 0.1.
    EXPECT_LT(std::sqrt(error / squares), 0.02);
  }
}

TEST(SampleTest, DrawsSamplersTokens) {
  constexpr int kCodebooks = 2, kRequests = 24, kCard = 2000;
  Randoms randoms(21);
  std::mt19937 engine(4);
  std::uniform_real_distribution<double> uniform;
  std::vector<StepInput> steps(kRequests);
  std::vector<float> logits = randoms.Floats(size_t(2) * kRequests * kCodebooks * kCard, 2);
  // Ties, at the top too.
  for (float& logit : logits) logit = std::round(logit * 8) / 8;
  const int top_k[] = {0, 1, 5, 250, 2000, 5000};
  const float top_p[] = {0, 0, 0.3f, 0.9f, 1};
  for (int i = 0; i < kRequests; ++i) {
    steps[i].slot = i;
    steps[i].greedy = i % 8 == 7;
    steps[i].temperature = i % 3 == 0 ? 1.0f : static_cast<float>(0.05 + uniform(engine));
    steps[i].top_k = top_k[i % 6];
    steps[i].top_p = top_p[i % 5];
    steps[i].cfg_coef = i % 2 == 0 ? 3 : 1.7f;
    for (int k = 0; k < kCodebooks; ++k) steps[i].uniforms[k] = uniform(engine);
  }
  logits[2 * 5 * kCodebooks * kCard + 3] = NAN;
  steps[6].slot = -1;
  std::vector<float> guided(size_t(kRequests) * kCodebooks * kCard);
  std::vector<int32_t> tokens(kRequests * kCodebooks, 99999);
  SampleArgs args;
  args.steps = steps.data(), args.logits = logits.data(), args.guided = guided.data();
  args.tokens = tokens.data(), args.codebooks = kCodebooks, args.card = kCard;
  HostLauncher(WeightFormat::kFp16).Sample(args, kRequests);
  EXPECT_EQ(tokens[5 * kCodebooks], -1);
  EXPECT_EQ(tokens[6 * kCodebooks], -1);
  Sampler sampler;
  for (int i = 0; i < kRequests; ++i) {
    for (int k = 0; k < kCodebooks; ++k) {
      if (i == 6 || (i == 5 && k == 0)) continue;
      const float* own = logits.data() + (2 * i * kCodebooks + k) * kCard;
      std::vector<float> expected(kCard);
      GuideLogits({own, kCard}, {own + kCodebooks * kCard, kCard}, steps[i].cfg_coef,
                  expected.data());
      const float* mine = guided.data() + (i * kCodebooks + k) * kCard;
      EXPECT_THAT(std::vector<float>(mine, mine + kCard), ElementsAreArray(expected));
      SamplingOptions options;
      options.greedy = steps[i].greedy != 0;
      options.temperature = static_cast<float>(steps[i].temperature);
      options.top_k = steps[i].top_k;
      options.top_p = static_cast<float>(steps[i].top_p);
      EXPECT_EQ(tokens[i * kCodebooks + k],
                sampler.Draw(expected, options, steps[i].uniforms[k]).value())
          << "request " << i;
    }
  }
}

}  // namespace
}  // namespace vidmuse::gpu
