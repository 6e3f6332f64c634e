// Reads the limits that the kernel sets for a control group.
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

// Returns the folders of this process's control group and of all its parent groups, as far as they
// limit what `controller` ("memory" or "cpu") does. They belong to version 1, to version 2, or to
// both where the machine has both. /proc and /sys are looked for under `root`, "" for the machine's
// own.
std::vector<CgroupFolder> CgroupFolders(const std::string& root, absl::string_view controller);

// Returns the first number in a file, or nothing if the file holds "max" or a negative number, or
// doesn't exist.
std::optional<uint64_t> ReadNumber(const std::string& path);
// Returns the number after `key`, in a file with a key and a number on each line.
std::optional<uint64_t> ReadField(const std::string& path, absl::string_view key);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CGROUP_H_
