// The device that training runs on, and its precision.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <dlfcn.h>

#include "absl/strings/str_cat.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

MixedPrecision::MixedPrecision(at::Device device, bool enabled)
    : device_(device.type()), enabled_(enabled) {
  if (!enabled_) return;
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

MixedPrecision::~MixedPrecision() {
  if (!enabled_) return;
  at::autocast::set_autocast_enabled(device_, false);
  at::autocast::clear_cache();
}

absl::StatusOr<at::Device> OpenDevice(const std::string& name) {
  try {
    const at::Device device(name);
    if (device.is_cpu()) return device;
    if (!device.is_cuda()) {
      return absl::InvalidArgumentError(absl::StrCat("device '", name, "', expected cpu or cuda"));
    }
    // If the library were linked, every thread of every process would pay for its thread-local
    // storage, so it is loaded only when a GPU is asked for.
    if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("device '", name, "': LibTorch has no CUDA half here: ", dlerror()));
    }
    at::zeros({1}, at::TensorOptions().device(device));
    return device;
  } catch (const c10::Error& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("device '", name, "': ", error.what_without_backtrace()));
  }
}

}  // namespace vidmuse::train
