// CUDA's graphs, as the shared object libvidmuse_cuda.so: the only code here that names CUDA. It is
// opened after LibTorch's CUDA half, which it isn't linked with (see cuda_devices.h).
#include <ATen/cuda/CUDAGraph.h>
#include <c10/util/Exception.h>

#include "core/model/torch/step_graph.h"

namespace vidmuse {
namespace {

// One pool of memory for all graphs: they run one after the other, and what they leave behind lies
// outside of it.
c10::MempoolId_t Pool() {
  static const c10::MempoolId_t pool = at::cuda::graph_pool_handle();
  return pool;
}

class CudaGraph final : public StepGraph {
 public:
  void Record(const std::function<void()>& body) override {
    // Other threads, of other devices, may allocate meanwhile.
    graph_.capture_begin(Pool(), cudaStreamCaptureModeThreadLocal);
    try {
      body();
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const c10::Error&) {
        // The first error counts.
      }
      throw;
    }
    graph_.capture_end();
  }
  void Replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

}  // namespace
}  // namespace vidmuse

extern "C" __attribute__((visibility("default"))) vidmuse::StepGraph* vidmuse_new_cuda_graph() {
  return new vidmuse::CudaGraph();
}
