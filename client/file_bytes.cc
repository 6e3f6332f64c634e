#include "client/file_bytes.h"

#include <unistd.h>

#include <cerrno>

namespace vidmuse {

absl::StatusOr<size_t> ReadBytes(int fd, uint64_t offset, size_t length, void* to,
                                 absl::string_view doing) {
  size_t done = 0;
  while (done < length) {
    const ssize_t got =
        pread(fd, static_cast<char*>(to) + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, doing);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status WriteBytes(int fd, uint64_t offset, absl::string_view bytes, absl::string_view doing) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, doing);
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
