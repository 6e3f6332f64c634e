#include "client/cli/video_output.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "client/temporary_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<VideoOutput>> VideoOutput::Create(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> file, OutputFile::Create(path));
  if (!file->can_restart()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a regular file, which a video must be written to"));
  }
  ASSIGN_OR_RETURN(const int samples, OpenTemporaryFile());
  return absl::WrapUnique(new VideoOutput(ContainerOfPath(path), std::move(file), samples));
}

VideoOutput::VideoOutput(std::string container, std::unique_ptr<OutputFile> file, int samples_fd)
    : container_(std::move(container)), file_(std::move(file)), samples_fd_(samples_fd) {}

VideoOutput::~VideoOutput() { close(samples_fd_); }

absl::Status VideoOutput::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        pwrite(samples_fd_, bytes.data(), bytes.size(), static_cast<off_t>(sample_bytes_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, "writing the song to a temporary file");
    bytes.remove_prefix(static_cast<size_t>(written));
    sample_bytes_ += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status VideoOutput::Restart() {
  sample_bytes_ = 0;
  if (ftruncate(samples_fd_, 0) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "emptying a temporary file");
}

absl::StatusOr<size_t> VideoOutput::ReadSamples(uint64_t offset, size_t bytes,
                                                float* samples) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = pread(samples_fd_, reinterpret_cast<char*>(samples) + done, bytes - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "reading the song from a temporary file");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status VideoOutput::Commit(const VideoSource& video, int sample_rate, int channels,
                                 const MuxOptions& options) {
  const size_t frame_bytes = sizeof(float) * static_cast<size_t>(channels);
  uint64_t offset = 0;
  Music music;
  music.sample_rate = sample_rate;
  music.channels = channels;
  music.read = [&](float* samples, size_t frames) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t bytes, ReadSamples(offset, frames * frame_bytes, samples));
    offset += bytes;
    return bytes / frame_bytes;
  };
  RETURN_IF_ERROR(MuxVideo(video, music, container_, options, file_->part_path()));
  return file_->Commit();
}

}  // namespace vidmuse
