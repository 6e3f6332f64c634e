// Runs decoding steps on a device. There are two ways: LibTorch's operations (slot_runner.h), which
// every device and precision has, and CUDA kernels of this project (kernel_runner.h).
#ifndef VIDMUSE_MODEL_GPU_STEP_RUNNER_H_
#define VIDMUSE_MODEL_GPU_STEP_RUNNER_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/model/gpu/step_graph.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse::gpu {

// What one request feeds. See StepRequest.
struct SlotSteps {
  int slot = 0;
  int length = 0;                    // steps in the slot's cache
  int condition_tokens = 0;          // in use, at least 1
  absl::Span<const int32_t> tokens;  // [n][codebooks]
  const SamplingOptions* sampling = nullptr;
  int64_t frame = 0;
};

// Used by one thread at a time, inside DeviceStream::Run of one stream. Throws what Torch throws.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Records the step's shapes as graphs. If it throws, steps run without.
  virtual void RecordGraphs(const StepGraphMaker& make_graph) = 0;
  virtual int graphs() const = 0;  // number of shapes that are recorded

  // Queues all steps that the requests feed, and copies of what they draw to the host. `logits`:
  // whether to copy those too. The results below may be read once the stream is done.
  virtual void Queue(absl::Span<const SlotSteps> requests, bool logits) = 0;
  // Of the last step of request `i` of the last Queue: drawn tokens, [codebooks], where -1 says
  // that a logit isn't finite, and guided logits, [codebooks][card].
  virtual const int32_t* tokens(int i) const = 0;
  virtual const float* logits(int i) const = 0;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_STEP_RUNNER_H_
