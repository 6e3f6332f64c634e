// The token model's logits, of both rows of guidance, against what the public reference computed
// with the same weights for the same video.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"
#include "core/video/frame_sampler.h"
#include "gtest/gtest.h"
#include "vidmuse/limits.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

constexpr int kFrames = 24;  // of the token sequence
constexpr int kCodebooks = 4;
constexpr int kSteps = kFrames + kCodebooks;
constexpr double kTolerance = 1e-4;

std::string Golden(const std::string& name) {
  return std::string(VIDMUSE_TEST_DATA "/golden/") + name;
}

VideoFrames Sample(const std::string& video) {
  std::stringstream bytes;
  bytes << std::ifstream(Golden(absl::StrCat("videos/", video, ".mp4")), std::ios::binary).rdbuf();
  auto frames = SampleVideo(bytes.str(), Limits(), 0, CancelFlag());
  EXPECT_TRUE(frames.ok()) << frames.status();
  return *std::move(frames);
}

// The golden's sequence in the delay pattern, [steps][codebooks].
std::vector<int32_t> Sequence(int card) {
  std::vector<int32_t> tokens(kSteps * kCodebooks, card);
  for (int k = 0; k < kCodebooks; ++k) {
    for (int t = 0; t < kFrames; ++t) {
      const float uniform = HashUniform(Fnv1a64("tiny:codes"), k * kFrames + t);
      tokens[(t + 1 + k) * kCodebooks + k] =
          static_cast<int32_t>(uniform * static_cast<float>(card));
    }
  }
  return tokens;
}

class LogitsTest : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    model_ = Load("fp32");
    auto expected = TensorFile::OpenTorch(Golden("tiny/expected.pt"));
    ASSERT_TRUE(expected.ok()) << expected.status();
    expected_ = expected->release();
  }
  static void TearDownTestSuite() {
    delete model_;
    delete expected_;
  }

  static MusicModel* Load(const std::string& precision) {
    ModelOptions options;
    options.precision = precision;
    auto model = LoadModelFromFiles(HashLmFile({}), HashCodecFile({}), options);
    EXPECT_TRUE(model.ok()) << model.status();
    return model->release();
  }

  // [codebooks][steps][card]
  static std::vector<float> Expected(const std::string& name) {
    auto values =
        WeightReader(expected_, "")
            .Read(absl::StrCat(GetParam(), "/", name), {kCodebooks, kSteps, model_->info().card});
    EXPECT_TRUE(values.ok()) << values.status();
    return *std::move(values);
  }

  // With a coefficient of 0, guided logits are the null row's; with 1, the conditional row's.
  static std::vector<std::vector<float>> Logits(const VideoCondition& condition, float cfg_coef) {
    auto window = model_->OpenWindow(condition, 0, std::min(60, condition.local_frames()), kSteps,
                                     CancelFlag());
    EXPECT_TRUE(window.ok()) << window.status();
    const std::vector<int32_t> tokens = Sequence(model_->info().card);
    std::vector<std::vector<float>> logits;
    for (int step = 0; step < kSteps; ++step) {
      SamplingOptions greedy;
      greedy.greedy = true;
      greedy.cfg_coef = cfg_coef;
      std::vector<int32_t> drawn(kCodebooks);
      logits.emplace_back(kCodebooks * model_->info().card);
      StepRequest request;
      request.window = window->get();
      request.tokens = absl::MakeConstSpan(tokens).subspan(step * kCodebooks, kCodebooks);
      request.sampling = &greedy;
      request.next_tokens = drawn.data();
      request.logits = logits.back().data();
      const absl::Status status = model_->Step({&request, 1});
      EXPECT_TRUE(status.ok()) << status;
    }
    return logits;
  }

  static double Worst(const std::vector<std::vector<float>>& logits,
                      const std::vector<float>& expected) {
    const int card = model_->info().card;
    double worst = 0;
    for (int step = 0; step < kSteps; ++step) {
      for (int k = 0; k < kCodebooks; ++k) {
        for (int i = 0; i < card; ++i) {
          worst = std::max(worst, std::abs(double{logits[step][k * card + i]} -
                                           expected[(k * kSteps + step) * card + i]));
        }
      }
    }
    return worst;
  }

  static MusicModel* model_;
  static const TensorFile* expected_;
};

MusicModel* LogitsTest::model_ = nullptr;
const TensorFile* LogitsTest::expected_ = nullptr;

INSTANTIATE_TEST_SUITE_P(Videos, LogitsTest, testing::Values("pattern_4s", "life_7s", "zoom_63s"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(LogitsTest, AreTheReferences) {
  const auto condition = model_->EncodeVideo(Sample(GetParam()), CancelFlag());
  ASSERT_TRUE(condition.ok()) << condition.status();
  EXPECT_LT(Worst(Logits(**condition, 1.0f), Expected("logits_cond")), kTolerance);
  EXPECT_LT(Worst(Logits(**condition, 0.0f), Expected("logits_null")), kTolerance);
}

// Keys and values of all 32 bits are nearer than fp32's, which have 24.
TEST_P(LogitsTest, OfFullFloat32AreNearer) {
  MusicModel* const fp32 = std::exchange(model_, Load("fp32_full"));
  const std::unique_ptr<MusicModel> full(model_);
  const auto condition = model_->EncodeVideo(Sample(GetParam()), CancelFlag());
  ASSERT_TRUE(condition.ok()) << condition.status();
  EXPECT_LT(Worst(Logits(**condition, 1.0f), Expected("logits_cond")), kTolerance / 4);
  EXPECT_LT(Worst(Logits(**condition, 0.0f), Expected("logits_null")), kTolerance / 4);
  model_ = fp32;
}

}  // namespace
}  // namespace vidmuse
