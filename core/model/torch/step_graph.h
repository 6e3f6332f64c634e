// Work that is recorded once and started again with one call: CUDA's graphs, or the work itself. No
// Torch in this header; the interface crosses a shared object, so it is made of plain C++.
#ifndef VIDMUSE_MODEL_TORCH_STEP_GRAPH_H_
#define VIDMUSE_MODEL_TORCH_STEP_GRAPH_H_

#include <functional>
#include <memory>

namespace vidmuse {

// Used by one thread at a time, inside RunTorch and on the stream that it was recorded on. Throws
// what Torch throws.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  // Records what `body` queues on the thread's stream. It runs nothing on the device, so `body`
  // must have run before, for libraries to set themselves up. Called once.
  virtual void Record(const std::function<void()>& body) = 0;
  // Queues what was recorded.
  virtual void Replay() = 0;
};

using StepGraphMaker = std::function<std::unique_ptr<StepGraph>()>;

// Runs `body` again at each Replay: for the CPU, and for tests of what drives graphs.
std::unique_ptr<StepGraph> NewEagerGraph();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_STEP_GRAPH_H_
