// The rules that move weights: AdamW with clipped gradients, averages, codebooks, dropout of the
// condition. Against formulas, on networks of a few numbers.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/train/clip_source.h"
#include "core/train/codec_network.h"
#include "core/train/model_files.h"
#include "core/train/train_tokens.h"
#include "core/train/training_run.h"
#include "tests/unit/train/train_test_util.h"

namespace vidmuse::train {
namespace {

// Two weights and one that no gradient changes.
Parameters ThreeNumbers() {
  Parameters parameters;
  parameters.Add("weight", at::tensor({3.0f, -2.0f}));
  parameters.Add("quantizer.size", at::tensor({5.0f}));
  return parameters;
}

TrainingOptions SmallRun(const std::string& folder) {
  TrainingOptions options;
  options.name = "rules";
  options.work_dir = folder;
  options.steps = 100;
  options.warmup_steps = 4;
  options.learning_rate = 0.1;
  options.weight_decay = 0.2;
  options.ema_decay = 0.25;
  return options;
}

TEST(TrainingRulesTest, StepsAreAdamWsWithClippedGradients) {
  const TrainingOptions options = SmallRun(FreshFolder());
  const auto run = TrainingRun::Open(options, ThreeNumbers());
  ASSERT_TRUE(run.ok()) << run.status();
  const at::Tensor& weight = (*run)->parameters()["weight"];
  double x[2] = {3, -2}, average[2] = {3, -2}, first[2] = {}, second[2] = {};
  for (int step = 0; step < 6; ++step) {
    // Gradients 4 x and x: their norm is far above 1 at first, and stays so.
    const at::Tensor scales = at::tensor({2.0f, 0.5f});
    ASSERT_TRUE((*run)->Step((weight * weight * scales).sum(), {}).ok());
    const double gradient[2] = {4 * x[0], x[1]};
    const double norm = std::hypot(gradient[0], gradient[1]);
    ASSERT_GT(norm, options.max_norm);
    const double rate = ScheduledRate(options, step);
    const double decay = std::min(options.ema_decay, (2.0 + step) / (11.0 + step));
    for (int i = 0; i < 2; ++i) {
      const double g = gradient[i] * options.max_norm / norm;
      first[i] = options.beta1 * first[i] + (1 - options.beta1) * g;
      second[i] = options.beta2 * second[i] + (1 - options.beta2) * g * g;
      const double m = first[i] / (1 - std::pow(options.beta1, step + 1));
      const double v = second[i] / (1 - std::pow(options.beta2, step + 1));
      x[i] -= rate * options.weight_decay * x[i];
      x[i] -= rate * m / (std::sqrt(v) + 1e-8);
      average[i] = decay * average[i] + (1 - decay) * x[i];
      EXPECT_NEAR(weight[i].item<double>(), x[i], 1e-5) << step;
      EXPECT_NEAR((*run)->average()["weight"][i].item<double>(), average[i], 1e-5) << step;
    }
  }
  EXPECT_EQ((*run)->parameters()["quantizer.size"].item<double>(), 5);
}

// Adam's first step is the learning rate, whatever the gradient's size.
TEST(TrainingRulesTest, PartsHaveRatesOfTheirOwn) {
  Parameters parameters;
  for (const char* name : {"slow.weight", "still.weight", "weight"}) {
    parameters.Add(name, at::tensor({1.0f}));
  }
  TrainingOptions options = SmallRun(FreshFolder());
  options.weight_decay = 0;
  options.rate_factors = {{"slow.", 0.25}, {"still.", 0}};
  const auto run = TrainingRun::Open(options, parameters.Clone());
  ASSERT_TRUE(run.ok()) << run.status();
  const Parameters& now = (*run)->parameters();
  ASSERT_TRUE(
      (*run)->Step((now["weight"] + now["slow.weight"] + now["still.weight"]).sum(), {}).ok());
  const double rate = ScheduledRate(options, 0);
  EXPECT_NEAR(now["weight"].item<double>(), 1 - rate, 1e-5);
  EXPECT_NEAR(now["slow.weight"].item<double>(), 1 - rate / 4, 1e-5);
  EXPECT_EQ(now["still.weight"].item<double>(), 1);
}

// Codebooks are no average of an average: what is exported is what they are.
TEST(TrainingRulesTest, AveragesTakeCodebooksAsTheyAre) {
  const auto run = TrainingRun::Open(SmallRun(FreshFolder()), ThreeNumbers());
  ASSERT_TRUE(run.ok()) << run.status();
  {
    c10::NoGradGuard no_grad;
    (*run)->parameters()["quantizer.size"].fill_(7);
  }
  ASSERT_TRUE((*run)->Step((*run)->parameters()["weight"].sum(), {}).ok());
  EXPECT_EQ((*run)->average()["quantizer.size"].item<double>(), 7);
}

// A finite loss may have a gradient that isn't: that of a root at 0 is infinite.
TEST(TrainingRulesTest, AGradientThatIsNotFiniteChangesNoWeight) {
  TrainingOptions options = SmallRun(FreshFolder());
  options.checkpoint_steps = 2;
  const auto run = TrainingRun::Open(options, ThreeNumbers());
  ASSERT_TRUE(run.ok()) << run.status();
  const at::Tensor& weight = (*run)->parameters()["weight"];
  ASSERT_TRUE((*run)->Step((weight * weight).sum(), {}).ok());
  const at::Tensor before = weight.detach().clone();
  const at::Tensor average = (*run)->average()["weight"].clone();
  const absl::Status status = (*run)->Step((weight - weight.detach()).abs().sqrt().sum(), {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("gradient"), std::string::npos) << status;
  EXPECT_EQ((*run)->step(), 1);
  EXPECT_TRUE(at::equal(weight, before));
  EXPECT_TRUE(at::equal((*run)->average()["weight"], average));
  // The run may go on, and what it writes can be read.
  ASSERT_TRUE((*run)->Step((weight * weight).sum(), {}).ok());
  EXPECT_TRUE(at::isfinite(weight).all().item<bool>());
  const auto resumed = TrainingRun::Open(options, ThreeNumbers());
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ((*resumed)->step(), 2);
}

TEST(TrainingRulesTest, TheNewestCheckpointsAreKept) {
  const std::string folder = FreshFolder();
  TrainingOptions options = SmallRun(folder);
  options.checkpoint_steps = 2;
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".bin") names.insert(entry.path().filename().string());
    }
    return names;
  };
  const auto steps = [&](TrainingRun& run, int count) {
    const at::Tensor& weight = run.parameters()["weight"];
    for (int i = 0; i < count; ++i) ASSERT_TRUE(run.Step((weight * weight).sum(), {}).ok());
  };
  std::ofstream(folder + "/rules-x.bin") << "another's";
  {
    const auto run = TrainingRun::Open(options, ThreeNumbers());
    steps(**run, 3);
    EXPECT_EQ(files(), (std::set<std::string>{"rules.bin", "rules-x.bin"}));
    steps(**run, 5);
    EXPECT_EQ(files(),
              (std::set<std::string>{"rules.bin", "rules-4.bin", "rules-6.bin", "rules-x.bin"}));
  }
  at::Tensor eight;
  {  // Of a run that goes on too.
    const auto run = TrainingRun::Open(options, ThreeNumbers());
    ASSERT_EQ((*run)->step(), 8);
    eight = (*run)->parameters()["weight"].detach().clone();
    steps(**run, 2);
    EXPECT_EQ(files(),
              (std::set<std::string>{"rules.bin", "rules-6.bin", "rules-8.bin", "rules-x.bin"}));
  }
  // An older one is whole.
  std::filesystem::copy_file(folder + "/rules-8.bin", folder + "/rules.bin",
                             std::filesystem::copy_options::overwrite_existing);
  const auto run = TrainingRun::Open(options, ThreeNumbers());
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ((*run)->step(), 8);
  EXPECT_TRUE(at::equal((*run)->parameters()["weight"], eight));
}

TEST(TrainingRulesTest, ALossThatIsNotFiniteIsAnError) {
  const auto run = TrainingRun::Open(SmallRun(FreshFolder()), ThreeNumbers());
  ASSERT_TRUE(run.ok()) << run.status();
  const at::Tensor& weight = (*run)->parameters()["weight"];
  EXPECT_EQ((*run)->Step((weight / 0).sum(), {}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(weight[0].item<double>(), 3);
}

// One codebook of three vectors on a line, and a batch around the first two.
class CodebookTest : public testing::Test {
 protected:
  CodebookTest() : random_(1, "codebook") {
    config_.dimension = 1;
    config_.codebooks = 1;
    config_.bins = 3;
    parameters_.Add(kName + "embed", at::tensor({0.0f, 10.0f, 1000.0f}).view({3, 1}));
    parameters_.Add(kName + "embed_avg", at::tensor({0.0f, 20.0f, 1.0f}).view({3, 1}));
    parameters_.Add(kName + "cluster_size", at::tensor({2.0f, 2.0f, 0.3f}));
    update_.decay = 0.5;
    update_.dead_below = 0.2;
    update_.random = &random_;
  }

  std::vector<float> Values(const std::string& part) const {
    const at::Tensor flat = parameters_[kName + part].contiguous();
    return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
  }

  const std::string kName = "quantizer.vq.layers.0._codebook.";
  CodecConfig config_;
  Parameters parameters_;
  Random random_;
  CodebookUpdate update_;
  // [1][dimension][frames]
  const at::Tensor latents_ = at::tensor({1.0f, 2.0f, 3.0f, 12.0f}).view({1, 1, 4});
};

TEST_F(CodebookTest, FollowsTheVectorsThatChooseIt) {
  const Quantized result = Quantize(config_, parameters_, latents_, &update_);
  EXPECT_TRUE(at::equal(result.codes, at::tensor({0, 0, 0, 1}, at::kLong).view({1, 1, 4})));
  // Chosen by the vectors as they were: 0 and 10.
  EXPECT_TRUE(at::equal(result.latents, at::tensor({0.0f, 0.0f, 0.0f, 10.0f}).view({1, 1, 4})));
  EXPECT_NEAR(result.commitment.item<double>(), (1 + 4 + 9 + 4) / 4.0, 1e-5);
  const std::vector<float> sizes = Values("cluster_size"), sums = Values("embed_avg");
  EXPECT_NEAR(sizes[0], 0.5 * 2 + 0.5 * 3, 1e-6);
  EXPECT_NEAR(sizes[1], 0.5 * 2 + 0.5 * 1, 1e-6);
  EXPECT_NEAR(sums[0], 0.5 * 0 + 0.5 * 6, 1e-6);
  EXPECT_NEAR(sums[1], 0.5 * 20 + 0.5 * 12, 1e-6);
  EXPECT_NEAR(Values("embed")[0], 3 / 2.5, 1e-3);
  EXPECT_NEAR(Values("embed")[1], 16 / 1.5, 1e-3);
}

TEST_F(CodebookTest, ADeadCodeTakesThePlaceOfAVector) {
  Quantize(config_, parameters_, latents_, &update_);
  // Its size fell to 0.15, below 0.2.
  const float fresh = Values("embed")[2];
  const std::vector<float> batch = {1, 2, 3, 12};
  EXPECT_NE(std::find(batch.begin(), batch.end(), fresh), batch.end()) << fresh;
  EXPECT_NEAR(Values("cluster_size")[2], 0.4, 1e-6);
  EXPECT_NEAR(Values("embed_avg")[2], 0.4 * fresh, 1e-5);
}

TEST_F(CodebookTest, ARareCodeLivesOn) {
  update_.dead_below = 0.1;
  Quantize(config_, parameters_, latents_, &update_);
  EXPECT_NEAR(Values("cluster_size")[2], 0.15, 1e-6);
  EXPECT_NEAR(Values("embed")[2], 0.5 / 0.15, 1e-2);
}

TEST_F(CodebookTest, IsLeftAloneWithoutAnUpdate) {
  Quantize(config_, parameters_, latents_);
  EXPECT_EQ(Values("embed"), (std::vector<float>{0, 10, 1000}));
  EXPECT_EQ(Values("cluster_size"), (std::vector<float>{2, 2, 0.3f}));
}

// Counts the clips whose pictures are asked for.
class CountingClips : public ClipSource {
 public:
  explicit CountingClips(std::unique_ptr<ClipSource> clips) : clips_(std::move(clips)) {}
  int64_t size() const override { return clips_->size(); }
  int seconds() const override { return clips_->seconds(); }
  std::string description() const override { return clips_->description(); }
  absl::StatusOr<std::vector<float>> Audio(int64_t clip) override { return clips_->Audio(clip); }
  absl::Status LocalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    ++seen;
    return clips_->LocalFrames(clip, places, out);
  }
  absl::Status GlobalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    return clips_->GlobalFrames(clip, places, out);
  }

  int seen = 0;

 private:
  const std::unique_ptr<ClipSource> clips_;
};

TEST(ConditionDropoutTest, HidesThePictureFromItsPartOfTheClips) {
  at::set_num_threads(1);
  const std::string folder = FreshFolder();
  CountingClips clips(SyntheticClips(0, 2, 1));
  const TokenModel model = *NewTokenModel(SmallSizes(), 1);
  const at::Tensor codes = at::zeros({2, 4, 50}, at::kShort);
  const auto seen = [&](double null_condition, int steps) {
    TrainingOptions options = SmallRun(absl::StrCat(folder, "/", null_condition));
    options.steps = steps;
    TokenTrainingOptions token_options;
    token_options.batch = 10;
    token_options.local_frames = token_options.global_frames = 1;
    token_options.null_condition = null_condition;
    clips.seen = 0;
    const auto run = TrainingRun::Open(options, model.parameters.Clone());
    EXPECT_TRUE(run.ok()) << run.status();
    EXPECT_TRUE(TrainTokens(model.config, token_options, codes, clips, **run).ok());
    return clips.seen;
  };
  EXPECT_EQ(seen(1, 1), 0);
  EXPECT_EQ(seen(0, 1), 10);
  EXPECT_NEAR(seen(TokenTrainingOptions().null_condition, 4), 28, 8);
}

}  // namespace
}  // namespace vidmuse::train
