// Finds this host's GPUs, and opens what LibTorch needs to use them. This header needs no Torch.
//
// LibTorch's CUDA half is never linked. It is opened when a GPU is requested, so one program runs
// on hosts with and without GPUs.
#ifndef VIDMUSE_MODEL_GPU_CUDA_DEVICES_H_
#define VIDMUSE_MODEL_GPU_CUDA_DEVICES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/gpu/step_graph.h"
#include "core/model/gpu/step_kernels.h"

namespace vidmuse {

// What a host has. CUDA versions are 1000 * major + 10 * minor.
struct CudaHost {
  struct Gpu {
    std::string name;
    int capability = 0;  // compute capability, 10 * major + minor
    std::string card{};  // "NVIDIA H100 80GB HBM3"
  };

  // The newest CUDA version that the driver supports. 0: there is no driver.
  int driver_version = 0;
  // The CUDA version that LibTorch was built with. 0: its CUDA runtime is missing.
  int runtime_version = 0;
  // The driver's error, if it reports no GPU.
  std::string error;
  std::vector<Gpu> gpus;
  // The error of opening LibTorch's CUDA half. OK if that succeeded or wasn't tried.
  absl::Status library;
};

// Asks the driver, and opens LibTorch's CUDA half if there is a GPU for it. The process keeps the
// first answer.
const CudaHost& ThisHost();

struct DeviceChoice {
  std::vector<std::string> devices;  // "cpu", or "cuda:0", "cuda:1", ...
  // Why "auto" chose the CPU. Empty if a GPU was chosen, or if "auto" wasn't given.
  std::string warning;
};

// `devices` is "auto" (all GPUs, or the CPU if there are none), "cpu", "cuda" (all GPUs), or a list
// like "cuda:0,cuda:2".
//
// INVALID_ARGUMENT: `devices` is none of these, or has a GPU twice. FAILED_PRECONDITION names what
// is missing: the driver, a newer driver, a GPU, or LibTorch's CUDA half. With "auto" that is only
// a warning.
absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices, const CudaHost& host);
// Chooses from ThisHost(), which isn't called for "cpu".
absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices);

// Returns a function that makes CUDA graphs with libvidmuse_cuda.so, which lies beside this
// program. If that can't be opened, making a graph fails.
StepGraphMaker CudaGraphMaker();

// Makes the kernels of a step for one device. Called on a stream of that device, inside RunTorch.
using StepKernelsMaker = std::function<std::unique_ptr<gpu::StepKernels>()>;

// Returns a function that makes the kernels of libvidmuse_cuda.so. It throws if that can't be
// opened, or was built without kernels.
StepKernelsMaker CudaKernelsMaker();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_CUDA_DEVICES_H_
