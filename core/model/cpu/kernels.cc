#include "core/model/cpu/kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/model/cpu/kernels_amx.h"

namespace vidmuse::cpu {

extern const Kernels kAvx512VnniKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kBaseKernels;

namespace {

struct Available {
  const Kernels* kernels[5];
  int count = 0;
};

// Whether the CPU multiplies tiles of int8 and the system lets this process use them, for which a
// process has to ask.
bool AmxPermitted() {
  unsigned eax, ebx, ecx, edx;
  constexpr unsigned kTileAndInt8 = 3u << 24;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kTileAndInt8) != kTileAndInt8) return false;
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

const Kernels& AmxKernels() {
  static const Kernels kernels = [] {
    Kernels amx = kAvx512VnniKernels;
    amx.name = "amx";
    amx.linear[static_cast<int>(Precision::kInt8)] = LinearInt8Amx;
    return amx;
  }();
  return kernels;
}

const Available& FindAvailable() {
  static const Available available = [] {
    Available found;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      if (__builtin_cpu_supports("avx512vnni")) {
        if (AmxPermitted()) found.kernels[found.count++] = &AmxKernels();
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
