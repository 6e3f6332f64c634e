// Which of the kernels a process uses.
#ifndef VIDMUSE_MODEL_CPU_KERNEL_CHOICE_H_
#define VIDMUSE_MODEL_CPU_KERNEL_CHOICE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/cpu/kernels.h"

namespace vidmuse::cpu {

// Those of that name: "amx", "avx512vnni", "avx512", "avx2" or "base"; the best that this machine
// runs if `name` is empty. INVALID_ARGUMENT: no such name, or this machine lacks them.
absl::StatusOr<const Kernels*> FindKernels(absl::string_view name);

// What VIDMUSE_CPU_KERNELS in the environment asks for; unset: the best.
absl::StatusOr<const Kernels*> CpuKernels();

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNEL_CHOICE_H_
