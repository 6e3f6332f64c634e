// The published model's small scale on a GPU: overflow in half precision, library kernels of real
// widths, and equality in company. Skipped, with the reason, on hosts without.
#include "tests/bench/bench_model.h"
#include "tests/unit/model/gpu_fixture.h"

namespace vidmuse {
namespace {

class GpuScaleTest : public GpuTest {
 protected:
  static void TearDownTestSuite() {
    files_.reset();
    reference_.reset();
  }
  static const HashFiles& Files() {
    if (files_ == nullptr) files_ = std::make_unique<HashFiles>(*ScaleSizes("small"));
    return *files_;
  }
  // On the CPU, in float32.
  static GpuMusicModel& Reference() {
    if (reference_ == nullptr) {
      reference_ = Load(Files(), "cpu", DevicePrecision::kFp32, nullptr, {}, 1);
    }
    return *reference_;
  }

  // Guided logits [steps][codebooks][card] of tokens that are made up.
  static std::vector<float> Logits(MusicModel& model, const VideoCondition& condition, int steps) {
    auto window = model.OpenWindow(condition, 0, 2, steps, CancelFlag());
    EXPECT_TRUE(window.ok()) << window.status();
    std::vector<float> all;
    for (int step = 0; step < steps; ++step) {
      std::vector<int32_t> tokens(4);
      for (int k = 0; k < 4; ++k) tokens[k] = (617 * step + 131 * k) % model.info().card;
      std::vector<float> logits(size_t{4} * model.info().card);
      StepRequest request;
      request.window = window->get();
      request.tokens = tokens;
      request.logits = logits.data();
      EXPECT_EQ(model.Step({&request, 1}), absl::OkStatus());
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  }

  static std::vector<float> Decode(MusicModel& model) {
    auto decoder = model.NewAudioDecoder();
    EXPECT_TRUE(decoder.ok()) << decoder.status();
    std::vector<int32_t> tokens(4 * 60);
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int32_t>(7919 * i % model.info().card);
    }
    std::vector<float> samples;
    EXPECT_EQ((*decoder)->Push(tokens, true, &samples), absl::OkStatus());
    return samples;
  }

  static std::unique_ptr<HashFiles> files_;
  static std::unique_ptr<GpuMusicModel> reference_;
};

std::unique_ptr<HashFiles> GpuScaleTest::files_;
std::unique_ptr<GpuMusicModel> GpuScaleTest::reference_;

TEST_F(GpuScaleTest, LogitsAndAudioAreNearTheCpus) {
  constexpr int kLogitSteps = 4;
  const auto cpu_condition = Encode(Reference());
  const std::vector<float> expected = Logits(Reference(), *cpu_condition, kLogitSteps);
  for (const auto& [precision, tolerance] : {std::pair{DevicePrecision::kFp32, 1e-3},
                                             {DevicePrecision::kFp16, 1e-2},
                                             {DevicePrecision::kBf16, 0.1}}) {
    const auto model = Load(Files(), device_, precision, CudaGraphMaker(), {}, 2);
    EXPECT_EQ(model->info().step_graphs, 2) << model->notice();
    const double off = Off(Logits(*model, *Encode(*model), kLogitSteps), expected);
    printf("%s: logits off by %g of the largest\n", DevicePrecisionName(precision), off);
    EXPECT_LT(off, tolerance) << DevicePrecisionName(precision);
    if (precision != DevicePrecision::kFp32) continue;
    const double audio = Off(Decode(*model), Decode(Reference()));
    printf("audio off by %g of the largest\n", audio);
    EXPECT_LT(audio, 1e-4);
  }
}

// This project's kernels.
class GpuKernelsTest : public GpuScaleTest {
 protected:
  static std::unique_ptr<GpuMusicModel> LoadKernels(DevicePrecision precision,
                                                    const std::string& device, int slots = 8) {
    auto model = Load(Files(), device, precision, CudaGraphMaker(), {}, slots, CudaKernelsMaker());
    EXPECT_TRUE(model->info().step_kernels) << model->notice();
    EXPECT_GT(model->info().step_graphs, 0) << model->notice();
    return model;
  }
};

TEST_F(GpuKernelsTest, LogitsAreNearTheCpus) {
  constexpr int kLogitSteps = 4;
  const auto cpu_condition = Encode(Reference());
  const std::vector<float> expected = Logits(Reference(), *cpu_condition, kLogitSteps);
  for (const auto& [precision, tolerance] :
       {std::pair{DevicePrecision::kFp16, 1e-2}, {DevicePrecision::kBf16, 0.1}}) {
    const auto model = LoadKernels(precision, device_, 2);
    const double off = Off(Logits(*model, *Encode(*model), kLogitSteps), expected);
    printf("%s, kernels: logits off by %g of the largest\n", DevicePrecisionName(precision), off);
    EXPECT_LT(off, tolerance) << DevicePrecisionName(precision);
  }
}

TEST_F(GpuKernelsTest, CompanySlotsAndBucketsChangeNothing) {
  for (const auto precision : {DevicePrecision::kFp16, DevicePrecision::kBf16}) {
    const auto model = LoadKernels(precision, device_);
    ExpectEqual(Together(*model), Alone(*model));
  }
}

TEST_F(GpuKernelsTest, APromptMayBeFedAtOnceOrStepByStep) {
  const auto model = LoadKernels(DevicePrecision::kFp16, device_);
  const auto condition = Encode(*model);
  constexpr int kPrompt = 300;  // three launches
  std::vector<int32_t> prompt(4 * kPrompt);
  for (size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<int32_t>(617 * i % model->info().card);
  }
  std::vector<std::vector<float>> logits;
  for (const int piece : {kPrompt, 1, 50}) {
    auto window = model->OpenWindow(*condition, 0, 2, kPrompt, CancelFlag());
    ASSERT_TRUE(window.ok()) << window.status();
    logits.emplace_back(size_t{4} * model->info().card);
    for (int at = 0; at < kPrompt; at += piece) {
      StepRequest request;
      request.window = window->get();
      request.tokens = absl::MakeConstSpan(prompt).subspan(4 * at, 4 * piece);
      request.logits = logits.back().data();
      ASSERT_EQ(model->Step({&request, 1}), absl::OkStatus());
    }
  }
  EXPECT_EQ(logits[1], logits[0]);
  EXPECT_EQ(logits[2], logits[0]);
}

TEST_F(GpuScaleTest, CompanyAndSlotsChangeNothingWithinABucket) {
  for (const auto precision : {DevicePrecision::kFp16, DevicePrecision::kBf16}) {
    const auto model = Load(Files(), device_, precision, CudaGraphMaker(), {8});
    ExpectEqual(Together(*model), Alone(*model));
  }
}

TEST_F(GpuScaleTest, BucketsChangeNothing) {
  const auto buckets = Load(Files(), device_, DevicePrecision::kFp16, CudaGraphMaker());
  const auto alone = Alone(*buckets);  // in the bucket of one
  const auto together = Together(*buckets);
  for (int i = 0; i < kSongs; ++i) {
    printf("song %d: logits off by %g of the largest\n", i,
           Off(together[i].logits, alone[i].logits));
  }
  ExpectEqual(together, alone);
}

}  // namespace
}  // namespace vidmuse
