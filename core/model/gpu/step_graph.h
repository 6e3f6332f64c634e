// Work that is recorded once and replayed with one call: a CUDA graph, or the work itself. The
// interface crosses a shared object's boundary, so it is plain C++, without Torch.
#ifndef VIDMUSE_MODEL_GPU_STEP_GRAPH_H_
#define VIDMUSE_MODEL_GPU_STEP_GRAPH_H_

#include <functional>
#include <memory>

namespace vidmuse {

// Used by one thread at a time, inside RunTorch and on the stream where it was recorded. Throws
// what Torch throws.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  // Records what `body` queues on the thread's stream, without running it on the device. `body`
  // must have run before, so that libraries are initialised. Called once. If it throws, the device
  // is left unchanged.
  //
  // What `body` allocates comes from the memory pool of `beside`, a graph that was recorded before,
  // or from a new pool if `beside` is null. Graphs that share a pool must be replayed one after the
  // other, on one stream, and must not pass data to one another in what they allocate.
  virtual void Record(const std::function<void()>& body, const StepGraph* beside) = 0;
  // Queues what was recorded.
  virtual void Replay() = 0;
};

using StepGraphMaker = std::function<std::unique_ptr<StepGraph>()>;

// Returns a graph that calls `body` at each Replay, for the CPU and for tests.
std::unique_ptr<StepGraph> NewEagerGraph();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_STEP_GRAPH_H_
