// A video with music under it, which appears under its name only when it is complete.
#ifndef VIDMUSE_CLIENT_CLI_VIDEO_OUTPUT_H_
#define VIDMUSE_CLIENT_CLI_VIDEO_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/output_file.h"
#include "client/mux/mux_video.h"
#include "client/video_source.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// Keeps the song's samples in an unnamed temporary file until the song is whole. Not thread-safe.
class VideoOutput {
 public:
  // `path` has an extension that ContainerOfPath knows. INVALID_ARGUMENT: it exists and isn't a
  // regular file.
  static absl::StatusOr<std::unique_ptr<VideoOutput>> Create(const std::string& path);
  ~VideoOutput();
  VideoOutput(const VideoOutput&) = delete;
  VideoOutput& operator=(const VideoOutput&) = delete;

  // Adds samples: float32, little endian, channels interleaved.
  absl::Status Append(absl::string_view bytes);
  // Removes all samples.
  absl::Status Restart();
  // Writes the video with the mark of origin of the song that `started` announced; its `seed` is
  // this variant's. When this returns OK, the file is on disk under its name. The last call. See
  // MuxVideo for errors.
  absl::Status Commit(const VideoSource& video, const v1::GenerationStarted& started,
                      MuxOptions options);

 private:
  VideoOutput(std::string container, std::unique_ptr<OutputFile> file, int samples_fd);

  const std::string container_;
  const std::unique_ptr<OutputFile> file_;
  const int samples_fd_;
  uint64_t sample_bytes_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_VIDEO_OUTPUT_H_
