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
  // must have run before, for libraries to set themselves up. Called once. Leaves the device as it
  // was when it throws.
  //
  // What `body` allocates comes from the memory of `beside`, a graph that was recorded before, or
  // from memory of its own if that is null. So graphs beside one another must be replayed one after
  // the other, on one stream, and leave nothing for one another in what they allocate.
  virtual void Record(const std::function<void()>& body, const StepGraph* beside) = 0;
  // Queues what was recorded.
  virtual void Replay() = 0;
};

using StepGraphMaker = std::function<std::unique_ptr<StepGraph>()>;

// Runs `body` again at each Replay: for the CPU, and for tests of what drives graphs.
std::unique_ptr<StepGraph> NewEagerGraph();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_STEP_GRAPH_H_
