#include "core/model/cpu/kernels.h"

#include <cstdlib>
#include <cstring>

namespace vidmuse::cpu {

extern const Kernels kAvx512VnniKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kBaseKernels;

namespace {

struct Available {
  const Kernels* kernels[4];
  int count = 0;
};

const Available& FindAvailable() {
  static const Available available = [] {
    Available found;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      if (__builtin_cpu_supports("avx512vnni")) {
        found.kernels[found.count++] = &kAvx512VnniKernels;
      }
      found.kernels[found.count++] = &kAvx512Kernels;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      found.kernels[found.count++] = &kAvx2Kernels;
    }
    found.kernels[found.count++] = &kBaseKernels;
    return found;
  }();
  return available;
}

}  // namespace

const Kernels* const* AvailableKernels(int* count) {
  *count = FindAvailable().count;
  return FindAvailable().kernels;
}

const Kernels& CpuKernels() {
  static const Kernels& chosen = [&]() -> const Kernels& {
    const Available& available = FindAvailable();
    const char* wanted = std::getenv("VIDMUSE_CPU_KERNELS");
    for (int i = 0; wanted != nullptr && i < available.count; ++i) {
      if (std::strcmp(available.kernels[i]->name, wanted) == 0) return *available.kernels[i];
    }
    return *available.kernels[0];
  }();
  return chosen;
}

}  // namespace vidmuse::cpu
