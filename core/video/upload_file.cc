#include "core/video/upload_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "core/base/status_macros.h"
#include "core/video/decoder_process.h"
#include "core/video/growing_file.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace vidmuse {
namespace {

constexpr char kPurpose[] = "handing the file to its decoder";

UniqueFd NewMemoryFile() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  constexpr unsigned kNoExec = 8;  // MFD_NOEXEC_SEAL, since Linux 6.3
  int fd = memfd_create("vidmuse_video", kFlags | kNoExec);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("vidmuse_video", kFlags);
  return UniqueFd(fd);
}

// Takes the memory now: touching a page later that the system can't give would end the server.
absl::Status Grow(const UniqueFd& file, uint64_t from, uint64_t to) {
  if (to == from) return absl::OkStatus();
  int error = 0;
  do {
    error = fallocate(file.get(), 0, static_cast<off_t>(from), static_cast<off_t>(to - from));
  } while (error != 0 && errno == EINTR);
  return error == 0 ? absl::OkStatus() : SystemError(errno, kPurpose);
}

}  // namespace

absl::StatusOr<UploadFile> UploadFile::Create(const DecodeRequest& request) {
  UniqueFd file = NewMemoryFile();
  if (file.get() < 0) return SystemError(errno, "memfd_create");
  RETURN_IF_ERROR(Grow(file, 0, kRequestHeaderBytes));
  const uint64_t size = kRequestHeaderBytes + request.capacity;
  void* bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (bytes == MAP_FAILED) return SystemError(errno, "mapping the upload");
  const bool sealed = fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE) == 0;
  UploadFile upload(std::move(file), sealed, static_cast<char*>(bytes), size);
  std::memcpy(upload.bytes_, &request, sizeof(request));
  new (&upload.progress()) UploadProgress;
  return upload;
}

UploadFile::UploadFile(UploadFile&& other) noexcept
    : file_(std::move(other.file_)),
      sealed_(other.sealed_),
      bytes_(std::exchange(other.bytes_, nullptr)),
      mapped_(other.mapped_),
      size_(other.size_) {}

UploadProgress& UploadFile::progress() const {
  return *reinterpret_cast<UploadProgress*>(bytes_ + sizeof(DecodeRequest));
}

void UploadFile::Unmap() {
  if (bytes_ != nullptr) munmap(std::exchange(bytes_, nullptr), mapped_);
}

absl::Status UploadFile::Append(absl::string_view bytes) {
  const uint64_t end = kRequestHeaderBytes + size_;
  if (bytes.size() > mapped_ - end) return absl::InternalError("the upload is over its capacity");
  RETURN_IF_ERROR(Grow(file_, end, end + bytes.size()));
  std::memcpy(bytes_ + end, bytes.data(), bytes.size());
  size_ += bytes.size();
  Publish(progress(), size_, /*complete=*/false);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> UploadFile::Complete(const DecodeRequest& request) {
  std::memcpy(bytes_, &request, sizeof(request));
  Publish(progress(), size_, /*complete=*/true);
  Unmap();
  const int write_seal = sealed_ ? 0 : F_SEAL_SHRINK | F_SEAL_WRITE;
  if (fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_GROW | write_seal) != 0) {
    return SystemError(errno, "sealing the file");
  }
  return std::move(file_);
}

}  // namespace vidmuse
