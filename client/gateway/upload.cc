#include "client/gateway/upload.h"

#include <unistd.h>

#include <cerrno>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "client/file_bytes.h"
#include "client/temporary_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::Status UploadBudget::Take(const std::vector<std::string>& owners, uint64_t bytes) {
  if (bytes == 0) return absl::OkStatus();
  MutexLock lock(&mutex_);
  if (bytes > max_bytes_ - used_) {
    return absl::UnavailableError("too many uploads at once; try again later");
  }
  for (const std::string& owner : owners) {
    const auto found = used_by_.find(owner);
    if (bytes > max_owner_bytes_ - (found == used_by_.end() ? 0 : found->second)) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "this client's uploads would take more than ", max_owner_bytes_, " bytes at once"));
    }
  }
  used_ += bytes;
  for (const std::string& owner : owners) used_by_[owner] += bytes;
  return absl::OkStatus();
}

void UploadBudget::Return(const std::vector<std::string>& owners, uint64_t bytes) {
  if (bytes == 0) return;
  MutexLock lock(&mutex_);
  used_ -= bytes;
  for (const std::string& owner : owners) {
    const auto found = used_by_.find(owner);
    found->second -= bytes;
    if (found->second == 0) used_by_.erase(found);
  }
}

absl::Status UploadShare::Grow(uint64_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  RETURN_IF_ERROR(budget_->Take(owners_, bytes - bytes_));
  bytes_ = bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Upload>> Upload::Create(std::optional<uint64_t> size,
                                                       uint64_t max_bytes, UploadBudget* budget,
                                                       std::vector<std::string> owners) {
  if (size.value_or(0) > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video has ", *size, " bytes, more than ", max_bytes));
  }
  ASSIGN_OR_RETURN(const int fd, OpenTemporaryFile());
  auto upload = absl::WrapUnique(new Upload(fd, size, max_bytes, budget, std::move(owners)));
  RETURN_IF_ERROR(upload->share_.Grow(size.value_or(0)));
  return upload;
}

Upload::~Upload() { close(fd_); }

absl::Status Upload::Append(absl::string_view bytes) {
  uint64_t at = 0;
  {
    MutexLock lock(&mutex_);
    at = received_;
  }
  const uint64_t most = size_.value_or(max_bytes_);
  if (bytes.size() > most - at) {
    return absl::InvalidArgumentError(absl::StrCat("the video has more than ", most, " bytes"));
  }
  RETURN_IF_ERROR(share_.Grow(at + bytes.size()));
  RETURN_IF_ERROR(WriteBytes(fd_, at, bytes, "keeping the video"));
  MutexLock lock(&mutex_);
  received_ = at + bytes.size();
  return absl::OkStatus();
}

absl::Status Upload::End(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (end_.has_value()) return *end_;
  end_ = status;
  if (status.ok() && received_ == 0) end_ = absl::InvalidArgumentError("the video has no bytes");
  if (status.ok() && size_.has_value() && received_ != *size_) {
    end_ = absl::InvalidArgumentError(
        absl::StrCat("the upload ended after ", received_, " of ", *size_, " bytes"));
  }
  return *end_;
}

uint64_t Upload::size() const {
  if (size_.has_value()) return *size_;
  MutexLock lock(&mutex_);
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return end_.has_value(); });
  return end_->ok() ? received_ : 0;
}

absl::Status Upload::ReadAt(uint64_t offset, size_t length, std::string* out) const {
  {
    MutexLock lock(&mutex_);
    mutex_.Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return end_.has_value() || received_ >= offset + length;
    });
    if (received_ < offset + length) {
      return end_->ok() ? absl::DataLossError("the upload is too short") : *end_;
    }
  }
  out->resize(length);
  constexpr char kDoing[] = "reading the kept video";
  ASSIGN_OR_RETURN(const size_t got, ReadBytes(fd_, offset, length, out->data(), kDoing));
  return got == length ? absl::OkStatus() : absl::ErrnoToStatus(EIO, kDoing);
}

}  // namespace vidmuse
