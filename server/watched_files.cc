#include "server/watched_files.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace vidmuse {

bool WatchedFiles::Changed() {
  std::string now;
  for (const std::string& path : paths_) {
    struct stat info = {};
    if (stat(path.c_str(), &info) == 0) {
      absl::StrAppend(&now, info.st_dev, " ", info.st_ino, " ", info.st_size, " ",
                      info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, " ", info.st_ctim.tv_sec, ".",
                      info.st_ctim.tv_nsec, "\n");
    } else {
      absl::StrAppend(&now, "missing\n");
    }
  }
  if (now == seen_) return false;
  seen_ = std::move(now);
  return true;
}

}  // namespace vidmuse
