#include "core/model/gpu/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/philox.h"
#include "core/base/status_macros.h"

namespace vidmuse::gpu {
namespace {

constexpr int kSteps = 5;
// More than one piece of the kernels' attention.
constexpr int kConditionTokens = 400;
// Largest differences, as parts of the largest logit. Those of random weights were 5e-4 (fp16) and
// 6e-3 (bf16).
constexpr double kFp16Tolerance = 0.01;
constexpr double kBf16Tolerance = 0.08;

class Check {
 public:
  Check(TokenModel& model, DeviceStream& stream)
      : model_(model),
        stream_(stream),
        condition_tokens_(std::min(kConditionTokens, model.options().condition_tokens)) {
    const LmConfig& config = model.config();
    for (int i = 0; i < kSteps * config.codebooks; ++i) {
      tokens_.push_back(i < config.codebooks ? config.card : 577 * i % config.card);
    }
    condition_.resize(static_cast<size_t>(condition_tokens_) * config.dim);
    for (size_t i = 0; i < condition_.size(); ++i) {
      condition_[i] = static_cast<float>(2 * TokenUniform(i, 0, 0) - 1);
    }
  }

  // Returns the guided logits of the last step. `at_once`: the steps are fed together.
  absl::StatusOr<std::vector<float>> Logits(StepRunner& runner, bool at_once) {
    const LmConfig& config = model_.config();
    RETURN_IF_ERROR(stream_.Run(
        [&] { return model_.FillSlot(0, condition_.data(), condition_tokens_, CancelFlag()); }));
    const int fed = at_once ? kSteps : 1;
    for (int step = 0; step < kSteps; step += fed) {
      SlotSteps steps;
      steps.length = step;
      steps.condition_tokens = condition_tokens_;
      steps.tokens =
          absl::MakeConstSpan(tokens_).subspan(step * config.codebooks, fed * config.codebooks);
      RETURN_IF_ERROR(stream_.Run([&] {
        runner.Queue({&steps, 1}, /*logits=*/true);
        return absl::OkStatus();
      }));
    }
    const float* logits = runner.logits(0);
    return std::vector<float>(logits, logits + size_t{1} * config.codebooks * config.card);
  }

 private:
  TokenModel& model_;
  DeviceStream& stream_;
  const int condition_tokens_;
  std::vector<int32_t> tokens_;
  std::vector<float> condition_;
};

}  // namespace

absl::Status CheckKernels(TokenModel& model, DeviceStream& stream, StepRunner& kernels,
                          StepRunner& reference) {
  Check check(model, stream);
  ASSIGN_OR_RETURN(const std::vector<float> expected, check.Logits(reference, false));
  ASSIGN_OR_RETURN(const std::vector<float> logits, check.Logits(kernels, false));
  ASSIGN_OR_RETURN(const std::vector<float> at_once, check.Logits(kernels, true));
  double worst = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(double{logits[i]} - expected[i]);
    if (!(difference <= worst)) worst = difference;  // a NaN too
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  const double tolerance =
      model.options().precision == DevicePrecision::kBf16 ? kBf16Tolerance : kFp16Tolerance;
  if (!(worst <= tolerance * largest)) {
    return absl::InternalError(absl::StrCat("the step's kernels differ from LibTorch by ", worst,
                                            " in logits of up to ", largest));
  }
  if (logits != at_once) {
    return absl::InternalError("the step's kernels differ between one step and several at once");
  }
  return absl::OkStatus();
}

}  // namespace vidmuse::gpu
