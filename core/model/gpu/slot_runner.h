// Decoding steps by LibTorch's operations. This header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_SLOT_RUNNER_H_
#define VIDMUSE_MODEL_GPU_SLOT_RUNNER_H_

#include <memory>
#include <vector>

#include "core/model/gpu/bucket_graphs.h"
#include "core/model/gpu/step_runner.h"
#include "core/model/gpu/token_model.h"

namespace vidmuse::gpu {

// A step has the static shape of a bucket, which is a number of slots: the smallest that covers
// every slot in use. Requests that feed several steps are fed one step at a time.
class SlotRunner final : public StepRunner {
 public:
  // Called inside RunTorch. `buckets`: ascending; the last is the number of the model's slots.
  SlotRunner(TokenModel& model, std::vector<int> buckets);
  ~SlotRunner() override;

  void RecordGraphs(const StepGraphMaker& make_graph) override;
  int graphs() const override { return graphs_.recorded(); }
  void Queue(absl::Span<const SlotSteps> requests, bool logits) override;
  const int32_t* tokens(int i) const override;
  const float* logits(int i) const override;

 private:
  struct HostBuffers;

  // Fills the input `rows` of all slots: of each request, the step that is `left` steps before its
  // last. Returns the number of slots to compute.
  int FillPiece(absl::Span<const SlotSteps> requests, int left, double* rows) const;
  void FillRow(const SlotSteps& request, int step, double* row) const;

  TokenModel& model_;
  BucketGraphs graphs_;
  const std::unique_ptr<HostBuffers> host_;
  std::vector<int> slots_;  // of the last Queue's requests
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_SLOT_RUNNER_H_
