// Reads what the decoder program answers. It may have been taken over by the video: nothing it says
// is believed before it is checked.
#ifndef VIDMUSE_VIDEO_ANSWER_READER_H_
#define VIDMUSE_VIDEO_ANSWER_READER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/video_frames.h"
#include "core/video/decode_watch.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {

// Every error is the watch's, or DATA_LOSS: the answer ends early; or UNKNOWN: it is no answer that
// the protocol has. Not thread-safe.
class AnswerReader {
 public:
  // `fd` does not block, and ends when `watch` is cancelled. Both outlive the reader.
  AnswerReader(int fd, const DecodeWatch& watch) : fd_(fd), watch_(watch) {}

  struct Answer {
    AnswerHeader header;
    std::string message;  // printable ASCII
  };
  absl::StatusOr<Answer> ReadAnswer();

  // What follows the header of a kFrames, for a video of at most `max_seconds`.
  absl::StatusOr<VideoFrames> ReadFrames(const AnswerHeader& header, int max_seconds);

 private:
  absl::Status Read(void* bytes, size_t size);
  // `count` numbers in [0, frames).
  absl::StatusOr<std::vector<int>> ReadIndices(size_t count, uint32_t frames);

  const int fd_;
  const DecodeWatch& watch_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_ANSWER_READER_H_
