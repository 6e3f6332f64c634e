#include "core/base/memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace vidmuse {
namespace {

// A file that holds one number; nothing if it holds "max" or is not there.
std::optional<uint64_t> ReadNumber(const char* path) {
  std::ifstream file(path);
  uint64_t value;
  if (file >> value) return value;
  return std::nullopt;
}

uint64_t MachineAvailable() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  uint64_t kilobytes;
  while (file >> key >> kilobytes) {
    if (key == "MemAvailable:") return kilobytes * 1024;
    std::getline(file, unit);
  }
  return 0;
}

}  // namespace

uint64_t AvailableMemory() {
  const uint64_t machine = MachineAvailable();
  const auto limit = ReadNumber("/sys/fs/cgroup/memory.max");
  const auto used = ReadNumber("/sys/fs/cgroup/memory.current");
  if (!limit || !used) return machine;
  const uint64_t left = *limit > *used ? *limit - *used : 0;
  return machine == 0 ? left : std::min(machine, left);
}

}  // namespace vidmuse
