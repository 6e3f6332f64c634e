// A video whose frames are decoded as they are needed.
#ifndef VIDMUSE_VIDEO_VIDEO_READER_H_
#define VIDMUSE_VIDEO_VIDEO_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/frame_part.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// What a reader holds grows with the file, and with the frames that decoding the first part made
// besides: all of them, if the video can only be decoded in order. Not thread-safe.
class VideoReader {
 public:
  // Decodes a part: `seconds` of the result are the whole video's, `local` has the part's frames,
  // and `global` is empty unless the part has them. For a first part, `local` may have all frames.
  using Decode =
      std::function<absl::StatusOr<VideoFrames>(const FramePart& part, const CancelFlag& cancel)>;

  // `decode` holds `file_bytes` of memory.
  VideoReader(Decode decode, uint64_t file_bytes)
      : decode_(std::move(decode)), file_bytes_(file_bytes) {}

  // Returns the frames of a part, as Decode does, but never more. The first call must be for the
  // first part; each other part must begin where the one before ended, or later. Errors are those
  // of SampleVideo (frame_sampler.h) and of VideoSandbox::Sample.
  absl::StatusOr<VideoFrames> Read(const FramePart& part, const CancelFlag& cancel);

  // The memory that it holds now.
  uint64_t bytes() const;

 private:
  VideoFrames Take(const FramePart& part);

  Decode decode_;
  const uint64_t file_bytes_;
  // All frames, if they came with the first part. Those that were taken for the last time are
  // empty.
  std::optional<VideoFrames> rest_;
};

// A video on its way in. One thread at a time may use it; destruction frees all of it at once.
class VideoUpload {
 public:
  virtual ~VideoUpload() = default;
  // RESOURCE_EXHAUSTED: memory is short. Holds no more than Limits::max_video_bytes.
  virtual absl::Status Append(absl::string_view bytes) = 0;
  virtual uint64_t size() const = 0;
  // True if frames were decoded already.
  virtual bool HasFrames() const { return false; }
  // Ends the upload. Its reader gives what it would give if the file had come at once. Must be
  // called last.
  virtual absl::StatusOr<std::unique_ptr<VideoReader>> Finish() = 0;
};

struct VideoUploadOptions {
  Limits limits;
  int max_seconds = 0;                     // see SampleVideo
  std::optional<uint64_t> declared_bytes;  // what its client says of its size
  FramePart first_part;                    // what will be read first
};

// Begins an upload. Thread-safe.
using VideoOpener =
    std::function<absl::StatusOr<std::unique_ptr<VideoUpload>>(const VideoUploadOptions& options)>;

// Makes the reader of a file.
using FileOpener = std::function<absl::StatusOr<std::unique_ptr<VideoReader>>(
    std::string file, const Limits& limits, int max_seconds)>;

// Decodes a whole file.
using VideoSampler = std::function<absl::StatusOr<VideoFrames>(
    absl::string_view file, const Limits& limits, int max_seconds, const CancelFlag& cancel)>;

// Opens each file when all of it is there.
VideoOpener OpeningComplete(FileOpener open);
// Decodes each whole video when its first part is read.
VideoOpener ReadingWhole(VideoSampler sample);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_READER_H_
