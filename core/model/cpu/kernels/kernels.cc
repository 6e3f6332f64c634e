#include "core/model/cpu/kernels/kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/cpu/kernels/amx.h"
#include "core/model/cpu/kernels/kernel_choice.h"

namespace vidmuse::cpu {

extern const Kernels kAvx512VnniKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kBaseKernels;

namespace {

constexpr absl::string_view kAllNames[] = {"amx", "avx512vnni", "avx512", "avx2", "base"};

struct Available {
  const Kernels* kernels[std::size(kAllNames)];
  int count = 0;
};

// Whether the CPU has AMX with int8 and the system lets this process use it. A process has to
// request that permission, and this function does.
bool AmxPermitted() {
  unsigned eax, ebx, ecx, edx;
  constexpr unsigned kTileAndInt8 = 3u << 24;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kTileAndInt8) != kTileAndInt8) return false;
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// Asks the CPU itself, because __builtin_cpu_supports does not know F16C in every compiler.
bool SupportsF16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
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
    // Every set above "base" is compiled with these.
    const bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && SupportsF16c();
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      if (__builtin_cpu_supports("avx512vnni")) {
        if (AmxPermitted()) found.kernels[found.count++] = &AmxKernels();
        found.kernels[found.count++] = &kAvx512VnniKernels;
      }
      found.kernels[found.count++] = &kAvx512Kernels;
    }
    if (avx2) {
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

absl::StatusOr<const Kernels*> FindKernels(absl::string_view name) {
  const Available& available = FindAvailable();
  if (name.empty()) return available.kernels[0];
  std::string here;
  for (int i = 0; i < available.count; ++i) {
    if (available.kernels[i]->name == name) return available.kernels[i];
    absl::StrAppend(&here, i > 0 ? ", " : "", available.kernels[i]->name);
  }
  return absl::InvalidArgumentError(absl::StrCat("VIDMUSE_CPU_KERNELS is '", name,
                                                 "': this machine has ", here, "; all known are ",
                                                 absl::StrJoin(kAllNames, ", ")));
}

absl::StatusOr<const Kernels*> CpuKernels() {
  const char* wanted = std::getenv("VIDMUSE_CPU_KERNELS");
  return FindKernels(wanted == nullptr ? "" : wanted);
}

}  // namespace vidmuse::cpu
