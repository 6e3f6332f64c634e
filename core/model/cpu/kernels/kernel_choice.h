// Chooses the set of kernels that a process uses.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_KERNEL_CHOICE_H_
#define VIDMUSE_MODEL_CPU_KERNELS_KERNEL_CHOICE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/cpu/kernels/kernels.h"

namespace vidmuse::cpu {

// Returns the set named `name`: "amx", "avx512vnni", "avx512", "avx2" or "base". If `name` is
// empty, returns the best that this machine can run. INVALID_ARGUMENT: there is no such set, or
// this machine cannot run it.
absl::StatusOr<const Kernels*> FindKernels(absl::string_view name);

// Returns the set named by the environment variable VIDMUSE_CPU_KERNELS, or the best if it is
// unset.
absl::StatusOr<const Kernels*> CpuKernels();

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_KERNEL_CHOICE_H_
