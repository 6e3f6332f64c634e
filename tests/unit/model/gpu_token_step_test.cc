// A decoding step of the GPU's kernels as a whole: its launches, its bytes, and its bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "tests/unit/model/gpu_kernels_test_util.h"

namespace vidmuse::gpu {
namespace {

using ::testing::ElementsAreArray;

// Counts what a step reads and writes of weights, keys and values: launches of `requests` requests
// that are `length` steps into their windows.
class CountingLauncher final : public Launcher {
 public:
  CountingLauncher(WeightFormat format, int length, int condition_tokens)
      : weight_bytes_(format == WeightFormat::kInt8 ? 1 : 2),
        length_(length),
        condition_tokens_(condition_tokens) {}

  void Embed(const EmbedArgs& args, int requests) override {
    ++launches;
    bytes += sizeof(float) * requests * args.dim * (args.codebooks + 1 + 2);
  }
  void Linear(const LinearArgs& args) override {
    ++launches;
    bytes += weight_bytes_ * args.inputs * args.outputs;  // each block reads its own, once
    bytes += size_t(args.rows) *
             (args.inputs * (args.norm_weight != nullptr ? 4 : 2) + args.outputs * 4);
  }
  void Attention(const AttentionArgs& args, int rows) override {
    ++launches;
    const bool cross = args.null_keys != nullptr;
    const size_t number = args.k_scales != nullptr ? 1 : 2;
    const size_t both = 2 * size_t(args.heads) * kHeadDim;
    if (cross) {
      bytes += rows / 2 * both * number * condition_tokens_ + both * 2 * args.null_tokens;
    } else {
      bytes += rows * both * number * length_;
    }
    bytes += rows * both * 2;  // queries and results
  }
  void Sample(const SampleArgs& args, int requests) override {
    ++launches;
    bytes += sizeof(float) * requests * args.codebooks * args.card * 3;
  }

  int launches = 0;
  size_t bytes = 0;

 private:
  const size_t weight_bytes_;
  const int length_, condition_tokens_;
};

TEST(TokenStepTest, HasFewLaunchesAndTheModelsBytes) {
  const std::vector<TokenStepLayer> layers(24);
  const float norm = 1;
  std::vector<TokenStepLayer> small = layers;
  const uint16_t null = 0;
  for (TokenStepLayer& layer : small) {
    layer.norm1.weight = layer.norm_cross.weight = layer.norm2.weight = &norm;
    layer.null_keys = layer.null_values = &null;
  }
  TokenStep step;
  step.num_layers = 24, step.dim = 1024, step.heads = 16, step.ffn = 4096, step.codebooks = 4;
  step.card = 2048, step.positions = 1504, step.condition_tokens = 3000, step.null_tokens = 50;
  step.layers = small.data();
  step.out_norm.weight = &norm;
  EXPECT_TRUE(KernelsFit(step));
  for (const int requests : {1, 8, 32, 64}) {
    CountingLauncher counted(WeightFormat::kFp16, 1503, 3000);
    LaunchTokenStep(step, requests, counted);
    EXPECT_LT(counted.launches, 200);
    const double weights = 2.0 * (24 * 14 * 1024 * 1024 + 4 * 2048 * 1024);
    const double request = 24 * 2 * 2 * 1024.0 * (2 * 1503 + 3000);
    const double null_condition = 24 * 2 * 2 * 1024.0 * 50;
    const double model = weights + null_condition + requests * request;
    EXPECT_NEAR(counted.bytes / model, 1, 0.1) << requests << " requests";
  }
}

// A model of two layers, 256 wide, with all of its memory.
class TinyModel {
 public:
  static constexpr int kDim = 256, kHeads = 4, kFfn = 256, kCodebooks = 2, kCard = 64;
  static constexpr int kPositions = 300, kCondition = 280, kNull = 50, kSlots = 3, kRequests = 3;

  explicit TinyModel(WeightFormat format) : randoms_(1) {
    step.format = format;
    step.num_layers = 2, step.dim = kDim, step.heads = kHeads, step.ffn = kFfn;
    step.codebooks = kCodebooks, step.card = kCard, step.positions = kPositions;
    step.condition_tokens = kCondition, step.null_tokens = kNull;
    for (TokenStepLayer& layer : layers_) Fill(layer);
    step.layers = layers_;
    step.out_norm = NewNorm();
    step.out = NewMatrix(kCodebooks * kCard, kDim);
    step.embeddings = Floats(kCodebooks * (kCard + 1) * kDim, 1);
    step.position_rows = Floats(kPositions * kDim, 1);
    step.self_layout = {2 * kDim * kPositions, kDim * kPositions, kHeadDim * kPositions, kHeadDim};
    step.condition_layout = {kDim * kCondition, 0, kHeadDim * kCondition, kHeadDim};
    step.inputs = inputs;
    step.x = Floats(2 * kRequests * kDim, NAN);
    moments_.resize(2 * kRequests * kDim / 8);
    step.moments = moments_.data();
    step.q = Halves(2 * kRequests * kDim, 1);
    step.attention = Halves(2 * kRequests * kDim, 1);
    step.hidden = Halves(2 * kRequests * kFfn, 1);
    step.logits = Floats(2 * kRequests * kCodebooks * kCard, NAN);
    step.partials = Floats(AttentionPartials(2 * kRequests, kHeads, kPositions), NAN);
    counters_.resize(AttentionCounters(2 * kRequests, kHeads));
    step.counters = counters_.data();
    step.guided = Floats(kRequests * kCodebooks * kCard, NAN);
    tokens_.resize(kRequests * kCodebooks);
    step.tokens = tokens_.data();
  }

  // A request of its own in `slot`, at `position`.
  StepInput Input(int slot, int position, int seed) const {
    StepInput input;
    input.slot = slot, input.position = input.first_new = position,
    input.condition_tokens = 100 + 60 * (seed % 4);
    input.greedy = 0, input.top_k = 20, input.cfg_coef = 3;
    for (int k = 0; k < kCodebooks; ++k) {
      input.tokens[k] = (7 * seed + 3 * position + k) % (kCard + 1);
      input.uniforms[k] = (seed * 37 + position * 11 + k * 5) % 100 / 100.0;
    }
    return input;
  }

  std::vector<float> Guided(int request) const {
    const float* from = step.guided + request * kCodebooks * kCard;
    return {from, from + kCodebooks * kCard};
  }
  std::vector<int32_t> Tokens(int request) const {
    return {step.tokens + request * kCodebooks, step.tokens + (request + 1) * kCodebooks};
  }

  TokenStep step;
  StepInput inputs[kRequests];

 private:
  float* Floats(size_t n, float scale) {
    return floats_.emplace_back(randoms_.Floats(n, scale)).data();
  }
  uint16_t* Halves(size_t n, float scale) {
    const std::vector<float> values = randoms_.Floats(n, scale);
    return halves_
        .emplace_back(step.format == WeightFormat::kBf16 ? Narrow<Number::kBf16>(values)
                                                         : Narrow<Number::kFp16>(values))
        .data();
  }
  Norm NewNorm() { return {Floats(kDim, 1), Floats(kDim, 1)}; }
  Matrix NewMatrix(int outputs, int inputs) {
    return {Halves(size_t(outputs) * inputs, 1 / std::sqrt(float(inputs))), nullptr};
  }
  void Fill(TokenStepLayer& layer) {
    layer.norm1 = NewNorm(), layer.norm_cross = NewNorm(), layer.norm2 = NewNorm();
    layer.qkv = NewMatrix(3 * kDim, kDim), layer.self_out = NewMatrix(kDim, kDim);
    layer.cross_q = NewMatrix(kDim, kDim), layer.cross_out = NewMatrix(kDim, kDim);
    layer.linear1 = NewMatrix(kFfn, kDim), layer.linear2 = NewMatrix(kDim, kFfn);
    layer.self_keys = Halves(size_t(kSlots) * 2 * kDim * kPositions, 1);
    layer.self_values = Halves(size_t(kSlots) * 2 * kDim * kPositions, 1);
    // Every slot has the same condition.
    for (const void** tensor : {&layer.condition_keys, &layer.condition_values}) {
      Halves(size_t(kSlots) * kDim * kCondition, 1);
      std::vector<uint16_t>& all = halves_.back();
      const size_t slot = size_t(kDim) * kCondition;
      for (int i = 1; i < kSlots; ++i) std::copy_n(all.begin(), slot, all.begin() + i * slot);
      *tensor = all.data();
    }
    layer.null_keys = Halves(kDim * kNull, 1), layer.null_values = Halves(kDim * kNull, 1);
  }

  Randoms randoms_;
  std::deque<std::vector<float>> floats_;
  std::deque<std::vector<uint16_t>> halves_;
  TokenStepLayer layers_[2];
  std::vector<Moments> moments_;
  std::vector<uint32_t> counters_;
  std::vector<int32_t> tokens_;
};

TEST(TokenStepTest, HasTheSameBitsInAnyCompany) {
  for (const WeightFormat format : {WeightFormat::kFp16, WeightFormat::kBf16}) {
    // The same song alone in slot 0, and in slot 2 as the last of three, one of which is idle.
    TinyModel alone(format), company(format);
    HostLauncher launcher(format), backwards(format, /*last_first=*/true);
    const int positions = format == WeightFormat::kFp16 ? 2 : 1;
    for (int position = 0; position < positions; ++position) {
      alone.inputs[0] = alone.Input(0, position, 5);
      LaunchTokenStep(alone.step, 1, launcher);
      company.inputs[0] = company.Input(1, 200 + position, 3);
      company.inputs[1] = StepInput();
      company.inputs[2] = company.Input(2, position, 5);
      LaunchTokenStep(company.step, 3, backwards);
      for (const float logit : alone.Guided(0)) ASSERT_TRUE(std::isfinite(logit));
      EXPECT_THAT(company.Guided(2), ElementsAreArray(alone.Guided(0)));
      EXPECT_THAT(company.Tokens(2), ElementsAreArray(alone.Tokens(0)));
      EXPECT_THAT(company.Tokens(1), testing::Each(-1));
    }
  }
}

}  // namespace
}  // namespace vidmuse::gpu
