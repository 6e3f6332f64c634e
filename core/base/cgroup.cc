#include "core/base/cgroup.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vidmuse {
namespace {

// Adds `mount` and every folder on the path from there to the group `group`, the deepest first. In
// a container the mount may be the group itself, and then the group's name isn't found under it.
void AddFolders(const std::string& mount, absl::string_view group, bool v2,
                std::vector<CgroupFolder>* folders) {
  std::vector<CgroupFolder> found;
  std::error_code error;
  std::string path = mount;
  if (!std::filesystem::is_directory(path, error)) return;
  found.push_back({path, v2});
  for (const absl::string_view name : absl::StrSplit(group, '/', absl::SkipEmpty())) {
    absl::StrAppend(&path, "/", name);
    if (name == ".." || !std::filesystem::is_directory(path, error)) break;
    found.push_back({path, v2});
  }
  folders->insert(folders->end(), found.rbegin(), found.rend());
}

}  // namespace

std::vector<CgroupFolder> CgroupFolders(const std::string& root, absl::string_view controller) {
  const std::string base = absl::StrCat(root, "/sys/fs/cgroup");
  std::vector<CgroupFolder> folders;
  std::ifstream file(absl::StrCat(root, "/proc/self/cgroup"));
  std::string line;
  while (std::getline(file, line)) {
    // Version 1 has lines like "4:cpu,cpuacct:/a/b", version 2 has "0::/a/b".
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (parts[0] == "0" && parts[1].empty()) {
      AddFolders(base, parts[2], true, &folders);
      AddFolders(absl::StrCat(base, "/unified"), parts[2], true, &folders);
    } else if (std::find(controllers.begin(), controllers.end(), controller) != controllers.end()) {
      // The mount is named after all its controllers; a link to it may be named after one.
      const std::string all = absl::StrCat(base, "/", parts[1]);
      std::error_code error;
      AddFolders(
          std::filesystem::is_directory(all, error) ? all : absl::StrCat(base, "/", controller),
          parts[2], false, &folders);
    }
  }
  return folders;
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  uint64_t value;
  if (file >> word && absl::SimpleAtoi(word, &value)) return value;
  return std::nullopt;
}

std::optional<uint64_t> ReadField(const std::string& path, absl::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t value;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return std::nullopt;
}

}  // namespace vidmuse
