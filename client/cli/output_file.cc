#include "client/cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  struct stat info;
  const bool direct = path != "-" && stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string part = path == "-" || direct ? "" : path + ".part";
  int fd = -1;
  if (path == "-") {
    fd = dup(STDOUT_FILENO);
  } else if (direct) {
    fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", part.empty() ? path : part));
  }
  // std::make_unique cannot call the private constructor.
  return std::unique_ptr<OutputFile>(new OutputFile(path, part, fd));
}

OutputFile::OutputFile(std::string path, std::string part, int fd)
    : path_(std::move(path)), part_(std::move(part)), fd_(fd) {}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  close(fd_);
  if (!part_.empty()) unlink(part_.c_str());
}

absl::Status OutputFile::Error(const char* doing) const {
  const std::string& name = part_.empty() ? path_ : part_;
  return absl::ErrnoToStatus(errno,
                             absl::StrCat(doing, " ", name == "-" ? "standard output" : name));
}

absl::Status OutputFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("writing");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Restart() {
  if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) != 0) return Error("emptying");
  return absl::OkStatus();
}

absl::Status OutputFile::Commit() {
  if (!part_.empty() && fsync(fd_) != 0) return Error("writing");
  if (close(std::exchange(fd_, -1)) != 0) {
    const absl::Status status = Error("closing");
    if (!part_.empty()) unlink(part_.c_str());
    return status;
  }
  if (!part_.empty() && rename(part_.c_str(), path_.c_str()) != 0) {
    const absl::Status status = Error("renaming");
    unlink(part_.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
