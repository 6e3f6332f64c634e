// CUDA graphs, in the shared object libvidmuse_cuda.so. It is opened after LibTorch's CUDA half,
// which it isn't linked with (see cuda_devices.h).
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/util/Exception.h>

#include "core/model/gpu/step_graph.h"

namespace vidmuse {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

class CudaGraph final : public StepGraph {
 public:
  // A memory pool ends with its last graph, and its handle can't be reused, so graphs own the pool.
  void Record(const std::function<void()>& body, const StepGraph* beside) override {
    pool_ = beside == nullptr ? at::cuda::graph_pool_handle()
                              : static_cast<const CudaGraph*>(beside)->pool_;
    try {
      // Threads of other devices may allocate meanwhile.
      graph_.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      body();
      graph_.capture_end();
    } catch (...) {
      Abandon();
      throw;
    }
  }
  void Replay() override { graph_.replay(); }

 private:
  // Ends what LibTorch leaves open when a capture fails. An allocator that still serves a capture
  // never returns memory, and refuses to record another graph.
  void Abandon() noexcept {
    if (IsRecorded()) return;  // the graph's destructor cleans up
    Try([&] { graph_.capture_end(); });
    if (IsRecorded()) return;
    const c10::DeviceIndex device = c10::cuda::current_device();
    at::HostAllocator* const host = at::getHostAllocator(at::kCUDA);
    Try([&] { allocator::endAllocateToPool(device, pool_); });
    Try([&] { host->end_allocate_to_pool(pool_); });
    Try([&] { allocator::releasePool(device, pool_); });
    Try([&] { host->release_pool(pool_); });
  }

  bool IsRecorded() noexcept {
    return Try([&] { static_cast<void>(graph_.pool()); });
  }

  // Returns whether `action` threw nothing. Each action may throw if there is nothing to end.
  template <typename Action>
  static bool Try(Action action) noexcept {
    try {
      action();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  at::cuda::CUDAGraph graph_;
  c10::MempoolId_t pool_ = {0, 0};
};

}  // namespace
}  // namespace vidmuse

extern "C" __attribute__((visibility("default"))) vidmuse::StepGraph* vidmuse_new_cuda_graph() {
  return new vidmuse::CudaGraph();
}
