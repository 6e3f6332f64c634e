// A video on its way in: a source that can be read while the rest still arrives.
#ifndef VIDMUSE_CLIENT_GATEWAY_UPLOAD_H_
#define VIDMUSE_CLIENT_GATEWAY_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/video_source.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Counts the bytes that all uploads hold, in all and for each owner. Thread-safe.
class UploadBudget {
 public:
  // `max_owner_bytes`: of all uploads of one owner, an address or a key.
  UploadBudget(uint64_t max_bytes, uint64_t max_owner_bytes)
      : max_bytes_(max_bytes), max_owner_bytes_(max_owner_bytes) {}
  // UNAVAILABLE: the uploads would take more together. RESOURCE_EXHAUSTED: those of an owner would.
  absl::Status Take(const std::vector<std::string>& owners, uint64_t bytes);
  void Return(const std::vector<std::string>& owners, uint64_t bytes);

 private:
  const uint64_t max_bytes_;
  const uint64_t max_owner_bytes_;
  Mutex mutex_;
  uint64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, uint64_t> used_by_ ABSL_GUARDED_BY(mutex_);  // no zeros
};

// Bytes taken from a budget, which are returned in the end. Used by one thread.
class UploadShare {
 public:
  // `budget` must outlive the share.
  UploadShare(UploadBudget* budget, std::vector<std::string> owners)
      : budget_(budget), owners_(std::move(owners)) {}
  ~UploadShare() { budget_->Return(owners_, bytes_); }
  UploadShare(const UploadShare&) = delete;
  UploadShare& operator=(const UploadShare&) = delete;

  uint64_t bytes() const { return bytes_; }
  // Takes more, for `bytes` in all. See UploadBudget::Take for errors.
  absl::Status Grow(uint64_t bytes);

 private:
  UploadBudget* const budget_;
  const std::vector<std::string> owners_;
  uint64_t bytes_ = 0;
};

// Keeps the bytes in an unnamed temporary file, since a retry reads them again. One thread writes,
// any number of threads read.
class Upload final : public VideoSource {
 public:
  // `size`: the video's size, if it is known. `budget` must outlive the upload. Errors: the
  // system's, and the budget's if the size is known.
  static absl::StatusOr<std::unique_ptr<Upload>> Create(std::optional<uint64_t> size,
                                                        uint64_t max_bytes, UploadBudget* budget,
                                                        std::vector<std::string> owners);
  ~Upload() override;

  // INVALID_ARGUMENT: more than `max_bytes`, or more than the known size.
  absl::Status Append(absl::string_view bytes);
  // All bytes are there, or, with an error, the rest never comes. May be called more than once; the
  // first call counts. INVALID_ARGUMENT: there are fewer than the known size, or none.
  absl::Status End(const absl::Status& status);

  // Waits for the end if the size isn't known. 0 if the rest never comes.
  uint64_t size() const override;
  // Waits until the bytes are there. Fails with the error that the upload ended with.
  absl::Status ReadAt(uint64_t offset, size_t length, std::string* out) const override;

 private:
  Upload(int fd, std::optional<uint64_t> size, uint64_t max_bytes, UploadBudget* budget,
         std::vector<std::string> owners)
      : fd_(fd), size_(size), max_bytes_(max_bytes), share_(budget, std::move(owners)) {}

  const int fd_;
  const std::optional<uint64_t> size_;
  const uint64_t max_bytes_;
  UploadShare share_;  // used by the writing thread alone
  mutable Mutex mutex_;
  uint64_t received_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_UPLOAD_H_
