#include "server/watched_files.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <system_error>

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

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  constexpr size_t kMaxBytes = 1 << 20;
  std::error_code error;
  // Anything but a regular file is refused, because opening a pipe would wait for its writer.
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && file.fail()) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": over ", kMaxBytes, " bytes"));
  }
  return text;
}

}  // namespace vidmuse
