// The token model against a plain double-precision form, and each result's independence from what
// else is computed with it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/cpu/key_factors.h"
#include "core/model/cpu/token_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/memory_tensor_file.h"

namespace vidmuse::cpu {
namespace {

constexpr int kPositions = 40;

LmConfig Config(int dim, int heads) {
  LmConfig config;
  config.dim = dim;
  config.num_heads = heads;
  config.num_layers = 2;
  config.hidden_scale = 2;
  config.card = 21;
  return config;
}

MemoryTensorFile RandomWeights(const LmConfig& config) {
  MemoryTensorFile file;
  const int dim = config.dim;
  const float scale = std::sqrt(3.0f / static_cast<float>(dim));
  const auto norm = [&](const std::string& name) {
    file.Add(name + ".weight", {dim}, 0.3f, 1.0f);
    file.Add(name + ".bias", {dim}, 0.1f);
  };
  for (int k = 0; k < config.codebooks; ++k) {
    file.Add(absl::StrCat("emb.", k, ".weight"), {config.card + 1, dim}, 1.0f);
    file.Add(absl::StrCat("linears.", k, ".weight"), {config.card, dim}, scale);
  }
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string layer = absl::StrCat("transformer.layers.", i, ".");
    for (const char* name : {"norm1", "norm_cross", "norm2"}) norm(layer + name);
    for (const char* name : {"self_attn", "cross_attention"}) {
      file.Add(layer + name + ".in_proj_weight", {3 * dim, dim}, scale);
      file.Add(layer + name + ".out_proj.weight", {dim, dim}, scale);
    }
    file.Add(layer + "linear1.weight", {config.ffn(), dim}, scale);
    file.Add(layer + "linear2.weight", {dim, config.ffn()}, scale);
  }
  norm("out_norm");
  return file;
}

std::vector<float> Random(size_t n, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(generator);
  return values;
}

std::vector<int32_t> Tokens(const LmConfig& config, int steps, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<int32_t> tokens(steps * config.codebooks);
  for (int32_t& token : tokens) token = static_cast<int32_t>(generator() % (config.card + 1));
  return tokens;
}

// The whole sequence at once, in double precision, nothing cached.
class PlainModel {
 public:
  using Rows = std::vector<std::vector<double>>;

  PlainModel(const LmConfig& config, const MemoryTensorFile& file,
             const std::vector<float>& positions)
      : config_(config), file_(file), positions_(positions) {}

  // Logits [codebooks * card] of the last step.
  std::vector<double> Logits(const std::vector<int32_t>& tokens,
                             const std::vector<float>& condition) const {
    const int dim = config_.dim;
    const int steps = static_cast<int>(tokens.size()) / config_.codebooks;
    Rows x(steps, std::vector<double>(dim)), source;
    for (size_t i = 0; i < condition.size(); i += dim) {
      source.emplace_back(condition.begin() + i, condition.begin() + i + dim);
    }
    for (int t = 0; t < steps; ++t) {
      for (int i = 0; i < dim; ++i) {
        x[t][i] = positions_[t * dim + i];
        for (int k = 0; k < config_.codebooks; ++k) {
          x[t][i] += file_.values(
              absl::StrCat("emb.", k, ".weight"))[tokens[t * config_.codebooks + k] * dim + i];
        }
      }
    }
    for (int i = 0; i < config_.num_layers; ++i) {
      const std::string layer = absl::StrCat("transformer.layers.", i, ".");
      Rows normed = Norm(layer + "norm1", x);
      Add(Attend(layer + "self_attn", normed, normed, true), x);
      Add(Attend(layer + "cross_attention", Norm(layer + "norm_cross", x), source, false), x);
      Rows hidden = Linear(layer + "linear1.weight", 0, config_.ffn(), Norm(layer + "norm2", x));
      for (auto& row : hidden) {
        for (double& v : row) v = 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
      }
      Add(Linear(layer + "linear2.weight", 0, dim, hidden), x);
    }
    const Rows last = Norm("out_norm", {x.back()});
    std::vector<double> logits;
    for (int k = 0; k < config_.codebooks; ++k) {
      const Rows part = Linear(absl::StrCat("linears.", k, ".weight"), 0, config_.card, last);
      logits.insert(logits.end(), part[0].begin(), part[0].end());
    }
    return logits;
  }

 private:
  static void Add(const Rows& from, Rows& to) {
    for (size_t t = 0; t < to.size(); ++t) {
      for (size_t i = 0; i < to[t].size(); ++i) to[t][i] += from[t][i];
    }
  }

  Rows Norm(const std::string& name, Rows x) const {
    const auto& weight = file_.values(name + ".weight");
    const auto& bias = file_.values(name + ".bias");
    for (auto& row : x) {
      double mean = 0, variance = 0;
      for (const double v : row) mean += v / row.size();
      for (const double v : row) variance += (v - mean) * (v - mean) / row.size();
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i];
      }
    }
    return x;
  }

  // Rows `first` .. first + n - 1 of the weight.
  Rows Linear(const std::string& name, int first, int n, const Rows& x) const {
    const auto& weight = file_.values(name);
    Rows y;
    for (const auto& row : x) {
      std::vector<double> out(n);
      for (int o = 0; o < n; ++o) {
        for (size_t i = 0; i < row.size(); ++i)
          out[o] += weight[(first + o) * row.size() + i] * row[i];
      }
      y.push_back(std::move(out));
    }
    return y;
  }

  Rows Attend(const std::string& name, const Rows& x, const Rows& source, bool causal) const {
    const int dim = config_.dim, head_dim = dim / config_.num_heads;
    const Rows q = Linear(name + ".in_proj_weight", 0, dim, x);
    const Rows k = Linear(name + ".in_proj_weight", dim, dim, source);
    const Rows v = Linear(name + ".in_proj_weight", 2 * dim, dim, source);
    Rows out(x.size(), std::vector<double>(dim));
    for (size_t t = 0; t < x.size(); ++t) {
      const size_t length = causal ? t + 1 : source.size();
      for (int first = 0; first < dim; first += head_dim) {
        std::vector<double> weights(length);
        double sum = 0;
        for (size_t s = 0; s < length; ++s) {
          double score = 0;
          for (int i = first; i < first + head_dim; ++i) score += q[t][i] * k[s][i];
          sum += weights[s] = std::exp(score / std::sqrt(double(head_dim)));
        }
        for (size_t s = 0; s < length; ++s) {
          for (int i = first; i < first + head_dim; ++i) out[t][i] += weights[s] / sum * v[s][i];
        }
      }
    }
    return Linear(name + ".out_proj.weight", 0, dim, out);
  }

  const LmConfig& config_;
  const MemoryTensorFile& file_;
  const std::vector<float>& positions_;
};

// One sequence under way.
struct Sequence {
  std::vector<int32_t> tokens;
  int condition_tokens = 0;
  std::unique_ptr<KvCache> self, cross;
  int position = 0;
  std::vector<float> logits;
};

struct Case {
  int dim, heads;
  Precision precision;
};

class CpuTokenModelTest : public testing::TestWithParam<Case> {
 protected:
  CpuTokenModelTest()
      : config_(Config(GetParam().dim, GetParam().heads)),
        file_(RandomWeights(config_)),
        positions_(Random(kPositions * config_.dim, 99)),
        model_(Load(**CpuKernels())) {}

  std::unique_ptr<TokenModel> Load(const Kernels& kernels) const {
    WeightReader reader(&file_, "");
    auto model = TokenModel::Load(config_, reader, positions_, kernels, GetParam().precision);
    EXPECT_TRUE(model.ok()) << model.status();
    EXPECT_TRUE(reader.CheckAllUsed({}).ok());
    return *std::move(model);
  }

  std::vector<float> Condition(int tokens, uint32_t seed) const {
    return Random(tokens * config_.dim, 1000 + seed);
  }

  Sequence Start(const TokenModel& model, int steps, int condition_tokens, uint32_t seed) const {
    Sequence s;
    s.tokens = Tokens(config_, steps, seed);
    s.condition_tokens = condition_tokens;
    s.self = model.NewSelfCache(steps);
    s.cross = model.NewCrossCache(condition_tokens);
    const std::vector<float> condition = Condition(condition_tokens, seed);
    for (int layer = 0; layer < config_.num_layers; ++layer) {
      model.ProjectCondition(layer, condition.data(), condition_tokens, 0, s.cross.get());
    }
    s.logits.resize(config_.codebooks * config_.card);
    return s;
  }

  // Feeds the next counts[i] steps of each sequence, in one step.
  void Feed(TokenModel& model, ThreadTeam& team, const std::vector<Sequence*>& sequences,
            const std::vector<int>& counts) const {
    std::vector<SequenceInput> inputs;
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence& s = *sequences[i];
      SequenceInput input;
      input.tokens = s.tokens.data() + s.position * config_.codebooks;
      input.count = counts[i];
      input.position = s.position;
      input.self = s.self.get();
      input.cross = s.cross.get();
      input.cross_length = s.condition_tokens;
      input.logits = s.logits.data();
      inputs.push_back(input);
      s.position += counts[i];
    }
    model.Step(inputs, team);
  }

  const LmConfig config_;
  const MemoryTensorFile file_;
  const std::vector<float> positions_;
  const std::unique_ptr<TokenModel> model_;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Precision precision : kAllPrecisions) {
    for (const auto& [dim, heads] : {std::pair(48, 3), {64, 2}, {48, 2}, {128, 2}}) {
      cases.push_back({dim, heads, precision});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Sizes, CpuTokenModelTest, testing::ValuesIn(Cases()),
                         [](const auto& info) {
                           return absl::StrCat("dim", info.param.dim, "heads", info.param.heads,
                                               PrecisionName(info.param.precision));
                         });

// Logits are about 1 in size.
double Tolerance(Precision precision) {
  constexpr double kTolerances[kPrecisions] = {2e-5, 0.03, 0.004, 0.08, 0.8, 2e-5};
  return kTolerances[static_cast<int>(precision)];
}

TEST_P(CpuTokenModelTest, IsTheTransformer) {
  const PlainModel plain(config_, file_, positions_);
  int count = 0;
  const Kernels* const* all = AvailableKernels(&count);
  std::vector<float> fused;  // the last logits of the first set with fused multiply-adds
  for (int i = 0; i < count; ++i) {
    const std::unique_ptr<TokenModel> model = Load(*all[i]);
    ThreadTeam team(2);
    Sequence s = Start(*model, 20, 37, 5);
    for (int step = 1; step <= 20; ++step) {
      Feed(*model, team, {&s}, {1});
      const std::vector<int32_t> fed(s.tokens.begin(), s.tokens.begin() + step * config_.codebooks);
      const std::vector<double> expected = plain.Logits(fed, Condition(37, 5));
      for (size_t j = 0; j < expected.size(); ++j) {
        ASSERT_NEAR(s.logits[j], expected[j], Tolerance(GetParam().precision))
            << all[i]->name << ", step " << step << ", logit " << j;
      }
    }
    if (!all[i]->fused) continue;
    if (fused.empty()) fused = s.logits;
    EXPECT_EQ(s.logits, fused) << all[i]->name << ": not the same bits";
  }
}

TEST_P(CpuTokenModelTest, ManyStepsAtOnceEqualOneByOne) {
  ThreadTeam team(3);
  Sequence one = Start(*model_, 30, 18, 5);
  std::vector<std::vector<float>> logits;
  for (int i = 0; i < 30; ++i) {
    Feed(*model_, team, {&one}, {1});
    logits.push_back(one.logits);
  }
  for (const std::vector<int>& cuts :
       {std::vector{30}, {1, 29}, {13, 4, 13}, {7, 1, 1, 21}, {28, 2}}) {
    Sequence many = Start(*model_, 30, 18, 5);
    for (const int count : cuts) {
      Feed(*model_, team, {&many}, {count});
      ASSERT_EQ(many.logits, logits[many.position - 1])
          << count << " steps up to " << many.position;
    }
  }
}

TEST_P(CpuTokenModelTest, SequencesDoNotDependOnEachOtherOrOnThreads) {
  const int count = 9;
  std::vector<std::vector<std::vector<float>>> alone(count);  // [sequence][step]
  ThreadTeam single(1);
  for (int s = 0; s < count; ++s) {
    Sequence sequence = Start(*model_, 12, 5 + 7 * s, s);
    for (int i = 0; i < 12; ++i) {
      Feed(*model_, single, {&sequence}, {1});
      alone[s].push_back(sequence.logits);
    }
  }
  for (const int threads : {1, 2, 3, 5}) {
    ThreadTeam team(threads);
    std::mt19937 generator(threads);
    std::vector<Sequence> sequences;
    for (int s = 0; s < count; ++s) sequences.push_back(Start(*model_, 12, 5 + 7 * s, s));
    for (;;) {  // a random choice of sequences in random order, each with a random number of steps
      std::vector<Sequence*> chosen;
      for (Sequence& s : sequences) {
        if (s.position < 12) chosen.push_back(&s);
      }
      if (chosen.empty()) break;
      std::shuffle(chosen.begin(), chosen.end(), generator);
      chosen.resize(1 + generator() % chosen.size());
      std::vector<int> counts;
      for (const Sequence* s : chosen)
        counts.push_back(1 + generator() % std::min(4, 12 - s->position));
      Feed(*model_, team, chosen, counts);
      for (const Sequence* s : chosen) {
        ASSERT_EQ(s->logits, alone[s - sequences.data()][s->position - 1])
            << threads << " threads, " << chosen.size() << " sequences, step " << s->position;
      }
    }
  }
}

TEST_P(CpuTokenModelTest, TheConditionMayBeProjectedInPieces) {
  ThreadTeam team(2);
  Sequence whole = Start(*model_, 3, 40, 5);
  Sequence pieces = Start(*model_, 3, 40, 5);
  pieces.cross = model_->NewCrossCache(40);
  const std::vector<float> condition = Condition(40, 5);
  for (int layer = config_.num_layers - 1; layer >= 0; --layer) {
    for (const auto& [first, count] : {std::pair{32, 8}, {0, 16}, {16, 16}}) {
      model_->ProjectCondition(layer, &condition[first * config_.dim], count, first,
                               pieces.cross.get());
    }
  }
  Feed(*model_, team, {&whole}, {3});
  Feed(*model_, team, {&pieces}, {3});
  EXPECT_EQ(whole.logits, pieces.logits);
}

TEST_P(CpuTokenModelTest, RowsThatAreEqualMayBeHeldOnce) {
  ThreadTeam team(2);
  // The first rows come 24 times, the others twice.
  const int distinct = 33, often = 5, repeated = 22 * often;
  Sequence held = Start(*model_, 6, distinct, 5);
  Sequence all = Start(*model_, 6, 2 * distinct + repeated, 5);
  const std::vector<float> condition = Condition(distinct, 5);
  std::vector<float> copies;
  for (int row = 0; row < all.condition_tokens; ++row) {
    const int source = row < repeated ? row % often : (row - repeated) % distinct;
    copies.insert(copies.end(), &condition[source * config_.dim],
                  &condition[source * config_.dim] + config_.dim);
  }
  for (int layer = 0; layer < config_.num_layers; ++layer) {
    model_->ProjectCondition(layer, copies.data(), all.condition_tokens, 0, all.cross.get());
  }
  std::vector<float> counts(distinct, 2);
  std::fill_n(counts.begin(), often, 24.0f);
  held.cross->set_counts(counts);
  // Weights are rounded differently, which is little beside the precision's own rounding.
  const double tolerance = std::max(2e-5, Tolerance(GetParam().precision) / 8);
  for (int step = 0; step < 6; ++step) {
    Feed(*model_, team, {&held}, {1});
    Feed(*model_, team, {&all}, {1});
    for (size_t i = 0; i < all.logits.size(); ++i) {
      ASSERT_NEAR(held.logits[i], all.logits[i], tolerance) << "step " << step;
    }
  }
}

// Sequences that draw nothing only fill their caches.
TEST_P(CpuTokenModelTest, LogitsAreOptional) {
  ThreadTeam team(2);
  Sequence a = Start(*model_, 4, 9, 1), b = Start(*model_, 4, 9, 2),
           expected = Start(*model_, 4, 9, 2);
  Feed(*model_, team, {&expected}, {4});
  SequenceInput inputs[2];
  Sequence* sequences[2] = {&a, &b};
  for (int i = 0; i < 2; ++i) {
    inputs[i].tokens = sequences[i]->tokens.data();
    inputs[i].count = 4;
    inputs[i].self = sequences[i]->self.get();
    inputs[i].cross = sequences[i]->cross.get();
    inputs[i].cross_length = 9;
  }
  inputs[1].logits = b.logits.data();
  model_->Step(inputs, team);
  EXPECT_EQ(b.logits, expected.logits);
}

TEST_P(CpuTokenModelTest, CachesHoldTheBytesTheySay) {
  const size_t head_dim = config_.dim / config_.num_heads;
  const auto bytes = [&](KvFormat format, size_t positions) {
    const size_t scales = IsInteger(format) ? 2 * sizeof(uint16_t) : 0;
    const size_t factors = IsInteger(format) ? Padded(head_dim) * sizeof(float) : 0;
    return (positions * (2 * Padded(head_dim) * Bits(format) / 8 + scales) + factors) *
           config_.num_heads * config_.num_layers;
  };
  const KvFormat self = SelfFormat(GetParam().precision);
  EXPECT_EQ(model_->SelfCacheBytes(64), bytes(self, 64));
  EXPECT_EQ(model_->SelfCacheBytes(65), bytes(self, 128));
  EXPECT_EQ(model_->CrossCacheBytes(50), bytes(CrossFormat(GetParam().precision), 64));
}

TEST(KeyFactorsTest, MakeChannelsEquallyLarge) {
  const std::vector<double> sizes = {1, 1.3, 20, 0.05, 300, 0.9, 0};
  std::vector<float> factors(sizes.size());
  KeyFactors({sizes.data(), 6}, factors.data());
  double least = 1e30, most = 0;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(std::exp2(std::round(std::log2(factors[i]))), factors[i]) << "no power of two";
    least = std::min(least, sizes[i] * factors[i]);
    most = std::max(most, sizes[i] * factors[i]);
  }
  EXPECT_LE(most, 2.01 * least);
  KeyFactors(sizes, factors.data());  // with a channel of zeros
  for (const float factor : factors) EXPECT_TRUE(factor > 0 && std::isfinite(factor)) << factor;
}

}  // namespace
}  // namespace vidmuse::cpu
