// Decoding steps by CUDA kernels of this project. This header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_KERNEL_RUNNER_H_
#define VIDMUSE_MODEL_GPU_KERNEL_RUNNER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/gpu/bucket_graphs.h"
#include "core/model/gpu/step_kernels.h"
#include "core/model/gpu/step_runner.h"
#include "core/model/gpu/token_model.h"

namespace vidmuse::gpu {

// A launch computes up to kEntries entries, each of which is one position of one slot. So a prompt
// is fed many positions at a time, and requests may be in any slots. A launch has the static shape
// of a bucket, which is a number of entries.
//
// An entry's numbers are the same bit for bit in any company, bucket, slot and launch.
class KernelRunner final : public StepRunner {
 public:
  static constexpr int kEntries = kMaxRows / 2;

  // FAILED_PRECONDITION: the kernels don't support the model's sizes or precision.
  static absl::Status Supports(const TokenModel& model);
  // Called inside RunTorch. Supports(model) must be OK.
  KernelRunner(TokenModel& model, std::unique_ptr<StepKernels> kernels);
  ~KernelRunner() override;

  void RecordGraphs(const StepGraphMaker& make_graph) override;
  int graphs() const override { return graphs_.recorded(); }
  void Queue(absl::Span<const SlotSteps> requests, bool logits) override;
  const int32_t* tokens(int i) const override;
  const float* logits(int i) const override;

 private:
  struct Memory;

  void QueueLaunch(int launch, absl::Span<const StepInput> entries);

  const int codebooks_;
  const float default_cfg_coef_;
  const std::unique_ptr<StepKernels> kernels_;
  std::vector<TokenStepLayer> layers_;
  TokenStep step_;
  const std::unique_ptr<Memory> memory_;
  BucketGraphs graphs_;
  std::vector<StepInput> entries_;  // of the last Queue
  size_t first_result_ = 0;  // entry of the last launch that is the first request's last step
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNEL_RUNNER_H_
