#include "core/base/memory.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/cgroup.h"

namespace vidmuse {
namespace {

// The file names of the two versions of control groups.
struct Names {
  const char* limit;
  const char* usage;
  const char* inactive_file;  // field of memory.stat
};

constexpr Names kV1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Names kV2 = {"memory.max", "memory.current", "inactive_file"};

// Returns the bytes left under the group's limit, or nothing if it has none.
std::optional<uint64_t> LeftIn(const CgroupFolder& folder) {
  const Names& names = folder.v2 ? kV2 : kV1;
  const auto limit = ReadNumber(absl::StrCat(folder.path, "/", names.limit));
  const auto usage = ReadNumber(absl::StrCat(folder.path, "/", names.usage));
  if (!limit || !usage) return std::nullopt;
  const uint64_t files =
      ReadField(absl::StrCat(folder.path, "/memory.stat"), names.inactive_file).value_or(0);
  const uint64_t used = *usage - std::min(*usage, files);
  return *limit - std::min(*limit, used);
}

}  // namespace

uint64_t AvailableMemory(const std::string& root) {
  // In version 1, a limit that nobody set is a number far above any machine's memory.
  std::optional<uint64_t> left;
  if (const auto kilobytes = ReadField(absl::StrCat(root, "/proc/meminfo"), "MemAvailable:")) {
    left = *kilobytes * 1024;
  }
  for (const CgroupFolder& folder : CgroupFolders(root, "memory")) {
    const auto here = LeftIn(folder);
    if (here) left = std::min(left.value_or(*here), *here);
  }
  return left.value_or(0);
}

}  // namespace vidmuse
