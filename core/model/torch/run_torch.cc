#include "core/model/torch/run_torch.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/headeronly/version.h>

#include <new>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/library_warnings.h"
#include "core/base/mutex.h"

namespace vidmuse {
namespace {

// Passes each of Torch's warnings on once.
class WarnOnce final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    MutexLock lock(&mutex_);
    // Few places warn, but the set is limited because their texts may contain numbers.
    if (said_.size() < kMost && said_.insert(warning.msg()).second) {
      WarnOfLibrary("torch", warning.msg());
    }
  }

 private:
  static constexpr size_t kMost = 100;
  Mutex mutex_;
  std::set<std::string> said_ ABSL_GUARDED_BY(mutex_);
};

// Torch keeps these settings for each thread.
bool HandleWarnings() {
  static auto* const warnings = new WarnOnce();
  c10::WarningUtils::set_warning_handler(warnings);
  return true;
}

bool UseThisThreadAlone() {
  at::set_num_threads(1);  // turns OpenMP off
  return true;
}

}  // namespace

absl::Status RunTorch(absl::FunctionRef<absl::Status()> body, TorchThreads threads) {
  try {
    thread_local const bool warnings_handled = HandleWarnings();
    static_cast<void>(warnings_handled);
    if (threads == TorchThreads::kOne) {
      thread_local const bool alone = UseThisThreadAlone();
      static_cast<void>(alone);
    }
    c10::InferenceMode inference;
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("Torch: out of memory");
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(absl::StrCat("Torch: ", error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string message = absl::StrCat("Torch: ", error.what_without_backtrace());
    // The CPU allocator throws a plain c10::Error.
    return absl::StrContains(message, "allocate memory") ? absl::ResourceExhaustedError(message)
                                                         : absl::InternalError(message);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("Torch: ", error.what()));
  }
}

std::string TorchVersion() { return TORCH_VERSION; }

std::string TorchCpuCapability() { return at::get_cpu_capability(); }

}  // namespace vidmuse
