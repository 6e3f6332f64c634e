// The memory file of an upload, which its decoders read.
#ifndef VIDMUSE_VIDEO_UPLOAD_FILE_H_
#define VIDMUSE_VIDEO_UPLOAD_FILE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/unique_fd.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {

// Holds a DecodeRequest, an UploadProgress and the bytes (sandbox_protocol.h). Only this object can
// write to the file, and nobody can cut it. Errors are those of SystemError (decoder_process.h).
// Not thread-safe.
class UploadFile {
 public:
  // For at most `request.capacity` bytes, which take memory only when they come.
  static absl::StatusOr<UploadFile> Create(const DecodeRequest& request);
  UploadFile(UploadFile&& other) noexcept;
  UploadFile& operator=(UploadFile&&) = delete;
  ~UploadFile() { Unmap(); }

  absl::Status Append(absl::string_view bytes);
  uint64_t size() const { return size_; }

  // Whether a decoder may read the file before it is complete. Old kernels can't keep it from
  // writing until then.
  bool readable() const { return sealed_; }
  const UniqueFd& descriptor() const { return file_; }

  // Replaces the request, and tells the readers that no more bytes come. The file never changes
  // again. Must be called last.
  absl::StatusOr<UniqueFd> Complete(const DecodeRequest& request);

 private:
  UploadFile(UniqueFd file, bool sealed, char* bytes, uint64_t mapped)
      : file_(std::move(file)), sealed_(sealed), bytes_(bytes), mapped_(mapped) {}
  UploadProgress& progress() const;
  void Unmap();

  UniqueFd file_;
  const bool sealed_;  // against writing, but through `bytes_`
  char* bytes_;        // the mapped file
  const uint64_t mapped_;
  uint64_t size_ = 0;  // of the upload
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_UPLOAD_FILE_H_
