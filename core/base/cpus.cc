#include "core/base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/cgroup.h"

namespace vidmuse {
namespace {

// Returns the number of CPUs that the group's quota allows, or nothing if it has no quota.
std::optional<double> Quota(const CgroupFolder& folder) {
  std::optional<uint64_t> quota, period;
  if (folder.v2) {
    // The file holds "200000 100000" or "max 100000".
    std::ifstream file(absl::StrCat(folder.path, "/cpu.max"));
    std::string first;
    uint64_t number, second;
    if (file >> first >> second && absl::SimpleAtoi(first, &number)) {
      quota = number;
      period = second;
    }
  } else {
    quota = ReadNumber(absl::StrCat(folder.path, "/cpu.cfs_quota_us"));  // -1: no limit
    period = ReadNumber(absl::StrCat(folder.path, "/cpu.cfs_period_us"));
  }
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

int AllowedCpus() {
  // The mask must be as large as the kernel's, so larger ones are tried until it fits.
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 16; cpus *= 2) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t) + 1);
    const size_t size = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, size, mask.data()) == 0) return CPU_COUNT_S(size, mask.data());
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int UsableCpus(const std::string& root, int allowed) {
  double cpus = allowed;
  for (const CgroupFolder& folder : CgroupFolders(root, "cpu")) {
    if (const auto quota = Quota(folder)) cpus = std::min(cpus, std::ceil(*quota));
  }
  return std::max(1, static_cast<int>(cpus));
}

int UsableCpus() { return UsableCpus("", AllowedCpus()); }

}  // namespace vidmuse
