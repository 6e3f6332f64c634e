// The boundary to Torch. This header needs no Torch.
#ifndef VIDMUSE_MODEL_TORCH_RUN_TORCH_H_
#define VIDMUSE_MODEL_TORCH_RUN_TORCH_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace vidmuse {

// How many threads Torch computes with.
enum class TorchThreads {
  kOne,        // this thread alone; that setting stays for the thread
  kAsTheyAre,  // as many as the process has set, or Torch's default
};

// Runs `body` in inference mode. Torch's exceptions become errors: RESOURCE_EXHAUSTED if memory is
// short, else INTERNAL. Each of its warnings goes once to WarnOfLibrary.
absl::Status RunTorch(absl::FunctionRef<absl::Status()> body,
                      TorchThreads threads = TorchThreads::kOne);

// LibTorch's version, and the instruction set that it chose for this CPU: "AVX2", "AVX512", ...
std::string TorchVersion();
std::string TorchCpuCapability();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_RUN_TORCH_H_
