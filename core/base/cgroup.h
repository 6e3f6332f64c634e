// Where the kernel tells what a control group may take.
#ifndef VIDMUSE_BASE_CGROUP_H_
#define VIDMUSE_BASE_CGROUP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace vidmuse {

struct CgroupFolder {
  std::string path;
  bool v2 = false;
};

// The folders of this process's control group and of all that it is in, that limit what
// `controller`
// ("memory", "cpu") does: of version 1, of version 2, or, where a machine has both, of either.
// Files of /proc and /sys are looked for under `root`, "" for the machine's own.
std::vector<CgroupFolder> CgroupFolders(const std::string& root, absl::string_view controller);

// The first number in a file; nothing if it holds "max", a negative number, or isn't there.
std::optional<uint64_t> ReadNumber(const std::string& path);
// The number behind `key`, in a file of a key and a number a line.
std::optional<uint64_t> ReadField(const std::string& path, absl::string_view key);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CGROUP_H_
