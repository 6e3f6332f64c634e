#include "client/cli/video_output.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "client/file_bytes.h"
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
  RETURN_IF_ERROR(
      WriteBytes(samples_fd_, sample_bytes_, bytes, "writing the song to a temporary file"));
  sample_bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::Status VideoOutput::Restart() {
  sample_bytes_ = 0;
  if (ftruncate(samples_fd_, 0) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "emptying a temporary file");
}

absl::Status VideoOutput::Commit(const VideoSource& video, const v1::GenerationStarted& started,
                                 MuxOptions options) {
  options.origin = Origin{.version = started.server_version(),
                          .model = started.model(),
                          .seed = started.seed(),
                          .text = started.origin_text()};
  const size_t frame_bytes = sizeof(float) * started.channels();
  uint64_t offset = 0;
  Music music;
  music.sample_rate = static_cast<int>(started.sample_rate());
  music.channels = static_cast<int>(started.channels());
  music.read = [&](float* samples, size_t frames) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t bytes,
                     ReadBytes(samples_fd_, offset, frames * frame_bytes, samples,
                               "reading the song from a temporary file"));
    offset += bytes;
    return bytes / frame_bytes;
  };
  RETURN_IF_ERROR(MuxVideo(video, music, container_, options, file_->part_path()));
  return file_->Commit();
}

}  // namespace vidmuse
