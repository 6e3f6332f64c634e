// How far reduced precisions are from float32 where weights are less kind than random ones: keys
// with channels that stand out, as trained models have them, and attention that looks at few
// places.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/model/checkpoint/half.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

constexpr int kHeadDim = 64;
constexpr int kSteps = 24;
// The mean KL divergence that a precision may have to be the default.
constexpr double kBound = 0.005;

HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.dim = 4 * kHeadDim;
  sizes.num_heads = 4;
  sizes.num_layers = 4;
  sizes.hidden_scale = 4;
  sizes.card = sizes.codec_bins = 256;
  return sizes;
}

// The hash model, all of float32, with the factor of each row of every attention's projections:
// [queries, keys, values][dim].
class ScaledFile final : public TensorFile {
 public:
  explicit ScaledFile(const std::function<float(int part, int channel)>& factor)
      : file_(HashLmFile(Sizes())), tensors_(file_->tensors()) {
    for (auto& [name, tensor] : tensors_) {
      if (!absl::EndsWith(name, "in_proj_weight")) continue;
      std::vector<float>& values = values_[name];
      const auto* halves = static_cast<const char*>(tensor.data);
      const int dim = static_cast<int>(tensor.shape[1]);
      for (int64_t i = 0; i < tensor.elements(); ++i) {
        uint16_t half;
        std::memcpy(&half, halves + 2 * i, sizeof(half));
        const auto row = static_cast<int>(i / dim);
        values.push_back(HalfToFloat(half) * factor(row / dim, row % dim % kHeadDim));
      }
      tensor.dtype = DType::kFloat32;
      tensor.data = values.data();
    }
  }
  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& strings() const override { return file_->strings(); }
  const std::string& name() const override { return file_->name(); }

 private:
  const std::unique_ptr<TensorFile> file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::vector<float>> values_;
};

VideoFrames NoiseVideo() {
  std::mt19937 generator(3);
  VideoFrames video;
  video.seconds = 4;
  for (int i = 0; i < 2 * video.seconds; ++i) {
    std::vector<uint8_t> frame(3 * kFrameSize * kFrameSize);
    for (uint8_t& value : frame) value = static_cast<uint8_t>(generator());
    video.frames.push_back(std::move(frame));
    video.local.push_back(i);
  }
  for (int i = 0; i < kGlobalFrames; ++i) video.global.push_back(i % 8);
  return video;
}

// Guided logits of kSteps steps that are fed the same tokens, [kSteps][codebooks][card].
std::vector<float> Logits(const std::string& precision,
                          const std::function<float(int, int)>& factor) {
  ModelOptions options;
  options.precision = precision;
  const auto model =
      LoadModelFromFiles(std::make_unique<ScaledFile>(factor), HashCodecFile(Sizes()), options);
  EXPECT_TRUE(model.ok()) << model.status();
  const auto condition = (*model)->EncodeVideo(NoiseVideo(), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  const auto window = (*model)->OpenWindow(**condition, 0, 8, kSteps, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  const size_t size = size_t{4} * Sizes().card;
  std::vector<float> logits(kSteps * size);
  std::mt19937 generator(5);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<int32_t> fed(4);
    for (int32_t& token : fed) token = static_cast<int32_t>(generator() % Sizes().card);
    StepRequest request;
    request.window = window->get();
    request.tokens = fed;
    request.logits = logits.data() + step * size;
    EXPECT_TRUE((*model)->Step({&request, 1}).ok());
  }
  return logits;
}

// Mean KL(p || q) of the softmax of rows of `card` logits.
double MeanKl(const std::vector<float>& p, const std::vector<float>& q) {
  const int card = Sizes().card;
  double total = 0;
  for (size_t row = 0; row < p.size(); row += card) {
    double p_sum = 0, q_sum = 0;
    for (int i = 0; i < card; ++i) {
      p_sum += std::exp(double{p[row + i]});
      q_sum += std::exp(double{q[row + i]});
    }
    for (int i = 0; i < card; ++i) {
      const double log_p = p[row + i] - std::log(p_sum), log_q = q[row + i] - std::log(q_sum);
      total += std::exp(log_p) * (log_p - log_q);
    }
  }
  return total / static_cast<double>(p.size() / card);
}

struct Case {
  const char* name;
  // Of a row of queries (0), keys (1) or values (2).
  float (*factor)(int part, int channel);
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class PrecisionTest : public testing::TestWithParam<Case> {};

// Each head has two channels whose keys are 20 times as large, and whose queries are as much
// smaller: scores stay what they are.
float Outliers(int part, int channel) {
  if (channel != 5 && channel != 40) return 1;
  return part == 0 ? 1.0f / 20 : part == 1 ? 20.0f : 1;
}

float Peaked(int part, int /*channel*/) { return part == 0 ? 4 : 1; }

float Plain(int /*part*/, int /*channel*/) { return 1; }

TEST_P(PrecisionTest, StaysNearFloat32) {
  const std::vector<float> exact = Logits("fp32", GetParam().factor);
  const double bf16 = MeanKl(exact, Logits("bf16", GetParam().factor));
  const double int8 = MeanKl(exact, Logits("int8", GetParam().factor));
  std::printf("%s: mean KL of bf16 %.3g, of int8 %.3g\n", GetParam().name, bf16, int8);
  EXPECT_LT(bf16, kBound);
  EXPECT_LT(int8, kBound);
}

INSTANTIATE_TEST_SUITE_P(Weights, PrecisionTest,
                         testing::Values(Case{"Plain", Plain}, Case{"Outliers", Outliers},
                                         Case{"Peaked", Peaked}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OutliersTest, LeaveFloat32AsItIs) {
  EXPECT_LT(MeanKl(Logits("fp32", Plain), Logits("fp32", Outliers)), 1e-7);
}

}  // namespace
}  // namespace vidmuse
