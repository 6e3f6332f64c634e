#include "core/train/training_run.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/train/checkpoints.h"
#include "core/train/progress.h"

namespace vidmuse::train {
namespace {

constexpr double kFinalRate = 0.02;  // relative to the highest rate
constexpr char kStep[] = "step";

double RateFactor(const TrainingOptions& options, const std::string& name) {
  for (const auto& [beginning, factor] : options.rate_factors) {
    if (absl::StartsWith(name, beginning)) return factor;
  }
  return 1;
}

class AdamRun : public TrainingRun {
 public:
  AdamRun(const TrainingOptions& options, const Parameters& initial)
      : options_(options),
        parameters_(initial.To(options.device, at::kFloat)),
        average_(parameters_.Clone()),
        checkpoints_(options.work_dir, options.name),
        path_(checkpoints_.path()) {
    std::map<double, std::vector<at::Tensor>> groups;  // by factor
    for (const Parameters::Entry& entry : parameters_.entries()) {
      const double factor = RateFactor(options, entry.name);
      if (!IsTrainable(entry.name) || factor == 0) continue;
      entry.tensor.set_requires_grad(true);
      trainable_.push_back(entry.tensor);
      groups[factor].push_back(entry.tensor);
    }
    std::vector<torch::optim::OptimizerParamGroup> parts;
    for (const auto& [factor, tensors] : groups) {
      factors_.push_back(factor);
      parts.emplace_back(tensors);
    }
    optimizer_ = std::make_unique<torch::optim::AdamW>(
        parts, torch::optim::AdamWOptions(options.learning_rate)
                   .betas({options.beta1, options.beta2})
                   .weight_decay(options.weight_decay));
  }

  // Resumes from the checkpoint if there is one, then opens the curves.
  absl::Status Start() {
    std::error_code error;
    std::filesystem::create_directories(options_.work_dir, error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", options_.work_dir));
    }
    if (std::filesystem::exists(path_)) RETURN_IF_ERROR(Resume());
    ASSIGN_OR_RETURN(progress_,
                     Progress::Open(options_.name, options_.work_dir, options_.steps, step_));
    return absl::OkStatus();
  }

  int64_t step() const override { return step_; }
  const TrainingOptions& options() const override { return options_; }
  const Parameters& parameters() const override { return parameters_; }
  const Parameters& average() const override { return average_; }

  absl::Status Step(const at::Tensor& loss, const Values& values) override {
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      return absl::InternalError(
          absl::StrCat(options_.name, ": the loss of step ", step_, " is ", value));
    }
    optimizer_->zero_grad();
    loss.backward();
    const double norm = torch::nn::utils::clip_grad_norm_(trainable_, options_.max_norm);
    if (!std::isfinite(norm)) {
      optimizer_->zero_grad();
      return absl::InternalError(absl::StrCat(options_.name, ": the norm of step ", step_,
                                              "'s gradient is ", norm, "; no weight was changed"));
    }
    const double rate = ScheduledRate(options_, step_);
    for (size_t i = 0; i < factors_.size(); ++i) {
      auto& options = optimizer_->param_groups()[i].options();
      static_cast<torch::optim::AdamWOptions&>(options).lr(rate * factors_[i]);
    }
    optimizer_->step();
    ++step_;
    UpdateAverage();
    Values shown = {{"loss", value}};
    shown.insert(shown.end(), values.begin(), values.end());
    shown.insert(shown.end(), {{"gradient_norm", norm}, {"learning_rate", rate}});
    RETURN_IF_ERROR(progress_->Report(step_, shown));
    return step_ % options_.checkpoint_steps == 0 || done() ? Save() : absl::OkStatus();
  }

  absl::Status Save() override {
    ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path_));
    RETURN_IF_ERROR(parameters_.WriteTo(*writer, "model/", DType::kFloat32));
    RETURN_IF_ERROR(average_.WriteTo(*writer, "average/", DType::kFloat32));
    ASSIGN_OR_RETURN(const Moments moments, GetMoments());
    RETURN_IF_ERROR(moments.first.WriteTo(*writer, "first_moment/", DType::kFloat32));
    RETURN_IF_ERROR(moments.second.WriteTo(*writer, "second_moment/", DType::kFloat32));
    RETURN_IF_ERROR(writer->AddString(kStep, absl::StrCat(step_)));
    if (saved_step_ >= 0 && saved_step_ != step_) RETURN_IF_ERROR(checkpoints_.Keep(saved_step_));
    RETURN_IF_ERROR(writer->Finish());
    saved_step_ = step_;
    return checkpoints_.Prune(options_.keep_checkpoints - 1);
  }

 private:
  struct Moments {
    Parameters first, second;
  };

  void UpdateAverage() {
    c10::NoGradGuard no_grad;
    // The decay is smaller in early steps, so that the average soon forgets the initial weights.
    const double decay = std::min(options_.ema_decay, (1.0 + static_cast<double>(step_)) /
                                                          (10.0 + static_cast<double>(step_)));
    for (size_t i = 0; i < average_.entries().size(); ++i) {
      const Parameters::Entry& now = parameters_.entries()[i];
      const at::Tensor& average = average_.entries()[i].tensor;
      if (IsTrainable(now.name)) {
        average.lerp_(now.tensor, 1 - decay);
      } else {
        average.copy_(now.tensor);
      }
    }
  }

  // The optimiser's moments. They are zeros for tensors that had no gradient yet.
  absl::StatusOr<Moments> GetMoments() const {
    Moments moments;
    for (const Parameters::Entry& entry : parameters_.entries()) {
      if (!IsTrainable(entry.name)) continue;
      const auto& states = optimizer_->state();
      const auto found = states.find(entry.tensor.unsafeGetTensorImpl());
      const auto* state = found == states.end()
                              ? nullptr
                              : static_cast<torch::optim::AdamWParamState*>(found->second.get());
      moments.first.Add(entry.name, state ? state->exp_avg() : at::zeros_like(entry.tensor));
      moments.second.Add(entry.name, state ? state->exp_avg_sq() : at::zeros_like(entry.tensor));
    }
    return moments;
  }

  absl::Status Resume() {
    c10::NoGradGuard no_grad;
    ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file, TensorFile::OpenTorch(path_));
    const auto step = file->strings().find(kStep);
    if (step == file->strings().end() || !absl::SimpleAtoi(step->second, &step_)) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": not a training checkpoint"));
    }
    saved_step_ = step_;
    RETURN_IF_ERROR(parameters_.ReadFrom(*file, "model/"));
    RETURN_IF_ERROR(average_.ReadFrom(*file, "average/"));
    for (const Parameters::Entry& entry : parameters_.entries()) {
      if (!IsTrainable(entry.name)) continue;
      Parameters first, second;
      first.Add(entry.name, at::zeros_like(entry.tensor).detach());
      second.Add(entry.name, at::zeros_like(entry.tensor).detach());
      RETURN_IF_ERROR(first.ReadFrom(*file, "first_moment/"));
      RETURN_IF_ERROR(second.ReadFrom(*file, "second_moment/"));
      auto state = std::make_unique<torch::optim::AdamWParamState>();
      state->step(step_);
      state->exp_avg(first[entry.name]);
      state->exp_avg_sq(second[entry.name]);
      optimizer_->state()[entry.tensor.unsafeGetTensorImpl()] = std::move(state);
    }
    return absl::OkStatus();
  }

  const TrainingOptions options_;
  Parameters parameters_;
  Parameters average_;
  const Checkpoints checkpoints_;
  const std::string path_;
  std::vector<at::Tensor> trainable_;
  std::vector<double> factors_;  // learning rate factor of each of the optimiser's groups
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::unique_ptr<Progress> progress_;
  int64_t step_ = 0;
  int64_t saved_step_ = -1;  // step of the checkpoint at path_; -1 if there is none
};

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingRun>> TrainingRun::Open(const TrainingOptions& options,
                                                               Parameters initial) {
  std::unique_ptr<AdamRun> run;
  RETURN_IF_ERROR(CatchTorch([&] {
    run = std::make_unique<AdamRun>(options, initial);
    return run->Start();
  }));
  return run;
}

double ScheduledRate(const TrainingOptions& options, int64_t step) {
  const auto at = static_cast<double>(step);
  if (step < options.warmup_steps) {
    return options.learning_rate * (at + 1) / static_cast<double>(options.warmup_steps);
  }
  const double length =
      std::max<double>(1, static_cast<double>(options.steps - options.warmup_steps));
  const double part = std::min(1.0, (at - static_cast<double>(options.warmup_steps)) / length);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * part));
  return options.learning_rate * (kFinalRate + (1 - kFinalRate) * cosine);
}

}  // namespace vidmuse::train
