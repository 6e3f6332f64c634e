#include "core/model/torch/run_torch.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/headeronly/version.h>

#include <new>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status RunTorch(absl::FunctionRef<absl::Status()> body) {
  try {
    // Once a thread: OpenMP's setting is the thread's own. Chunks run side by side instead.
    thread_local const bool single_threaded = (at::set_num_threads(1), true);
    static_cast<void>(single_threaded);
    c10::InferenceMode inference;
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("Torch: out of memory");
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(absl::StrCat("Torch: ", error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string message = absl::StrCat("Torch: ", error.what_without_backtrace());
    // The allocator of CPU memory throws a plain c10::Error.
    return absl::StrContains(message, "allocate memory") ? absl::ResourceExhaustedError(message)
                                                         : absl::InternalError(message);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("Torch: ", error.what()));
  }
}

std::string TorchVersion() { return TORCH_VERSION; }

std::string TorchCpuCapability() { return at::get_cpu_capability(); }

}  // namespace vidmuse
