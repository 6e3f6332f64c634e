// Which GPUs this host has, and what LibTorch needs to use them. No Torch in this header.
//
// LibTorch's CUDA half is never linked: it is opened when a GPU is asked for, so one program serves
// hosts with and without.
#ifndef VIDMUSE_MODEL_TORCH_CUDA_DEVICES_H_
#define VIDMUSE_MODEL_TORCH_CUDA_DEVICES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/torch/step_graph.h"

namespace vidmuse {

// What a host can do. CUDA versions are 1000 * major + 10 * minor.
struct CudaHost {
  struct Gpu {
    std::string name;
    int capability = 0;  // compute capability, 10 * major + minor
    std::string card{};  // "NVIDIA H100 80GB HBM3"
  };

  int driver_version = 0;   // the newest CUDA that the driver speaks; 0: no driver
  int runtime_version = 0;  // that LibTorch was built with; 0: its CUDA runtime isn't there
  std::string error;        // the driver's, if it has no GPU to show
  std::vector<Gpu> gpus;
  absl::Status library;  // whether LibTorch's CUDA half could be opened; OK if it wasn't tried
};

// Asks the driver, and opens LibTorch's CUDA half if there is a GPU for it. The answer stays the
// same for the process.
const CudaHost& ThisHost();

struct DeviceChoice {
  std::vector<std::string> devices;  // "cpu", or "cuda:0", "cuda:1", ...
  std::string warning;  // why "auto" chose the CPU; empty: a GPU was chosen, or asked for
};

// `devices`: "auto": all GPUs, else the CPU; "cpu"; "cuda": all GPUs; or a list, "cuda:0,cuda:2".
//
// INVALID_ARGUMENT: not such a list, or a GPU twice; FAILED_PRECONDITION names what is missing: the
// driver, a newer one, a GPU, LibTorch's CUDA half. With "auto" that is a warning.
absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices, const CudaHost& host);
// On this host, which isn't asked where "cpu" is.
absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices);

// Makes CUDA graphs, from libvidmuse_cuda.so beside this program; one that can't be opened is an
// error when the graph is made.
StepGraphMaker CudaGraphMaker();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CUDA_DEVICES_H_
