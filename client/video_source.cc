#include "client/video_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/file_bytes.h"
#include "client/temporary_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

class FileSource final : public VideoSource {
 public:
  FileSource(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~FileSource() override { close(fd_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  uint64_t size() const override { return size_; }

  // Must not be called once reading has begun.
  absl::Status Append(absl::string_view bytes) {
    RETURN_IF_ERROR(WriteBytes(fd_, size_, bytes, absl::StrCat("writing ", path_)));
    size_ += bytes.size();
    return absl::OkStatus();
  }

  absl::Status ReadAt(uint64_t offset, size_t length, std::string* out) const override {
    out->resize(length);
    ASSIGN_OR_RETURN(const size_t got,
                     ReadBytes(fd_, offset, length, out->data(), absl::StrCat("reading ", path_)));
    if (got == length) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(path_, " shrank while it was read: it had ", size_, " bytes"));
  }

 private:
  const std::string path_;
  const int fd_;
  uint64_t size_;
};

class MemorySource final : public VideoSource {
 public:
  explicit MemorySource(absl::string_view bytes) : bytes_(bytes) {}

  uint64_t size() const override { return bytes_.size(); }

  absl::Status ReadAt(uint64_t offset, size_t length, std::string* out) const override {
    out->assign(bytes_.data() + offset, length);
    return absl::OkStatus();
  }

 private:
  const absl::string_view bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<VideoSource>> VideoSource::OpenFile(const std::string& path) {
  // O_NONBLOCK keeps open from blocking on a pipe without a writer, which is refused below.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path));
  struct stat info;
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    return absl::ErrnoToStatus(error, absl::StrCat("opening ", path));
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  return std::make_unique<FileSource>(path, fd, static_cast<uint64_t>(info.st_size));
}

absl::StatusOr<std::unique_ptr<VideoSource>> VideoSource::Spool(int fd, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(const int file, OpenTemporaryFile());
  auto source = std::make_unique<FileSource>("standard input's copy", file, 0);
  std::string buffer(256 << 10, '\0');
  for (;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "reading the video");
    if (got == 0) break;
    if (source->size() + static_cast<uint64_t>(got) > max_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the video has more than ", max_bytes, " bytes"));
    }
    RETURN_IF_ERROR(source->Append(absl::string_view(buffer.data(), static_cast<size_t>(got))));
  }
  if (source->size() == 0) return absl::InvalidArgumentError("the video has no bytes");
  return source;
}

std::unique_ptr<VideoSource> VideoSource::FromMemory(absl::string_view bytes) {
  return std::make_unique<MemorySource>(bytes);
}

}  // namespace vidmuse
