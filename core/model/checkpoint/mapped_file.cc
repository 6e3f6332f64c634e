#include "core/model/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  // With O_NONBLOCK, opening a named pipe doesn't wait for its writer.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  struct stat info;
  if (fstat(fd.get(), &info) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot stat ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  if (info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
  const size_t size = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", path));
  }
  return std::unique_ptr<MappedFile>(new MappedFile(path, std::move(fd), data, size));
}

absl::Status MappedFile::Read(const char* at, size_t bytes, char* out) const {
  off_t offset = at - static_cast<const char*>(data_);
  while (bytes > 0) {
    const ssize_t count = pread(fd_.get(), out, bytes, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return absl::DataLossError(
          absl::StrCat(path_, ": cannot be read at byte ", offset, ": ",
                       count < 0 ? std::strerror(errno) : "it was cut short meanwhile"));
    }
    out += count;
    offset += count;
    bytes -= static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

MappedFile::~MappedFile() { munmap(data_, size_); }

}  // namespace vidmuse
