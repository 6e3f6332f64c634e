// Reads the answers of the decoder program. The file may have taken that program over, so
// everything in an answer is checked before it is used.
#ifndef VIDMUSE_VIDEO_ANSWER_READER_H_
#define VIDMUSE_VIDEO_ANSWER_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/decode_watch.h"
#include "core/video/picture_order.h"
#include "core/video/sampled_frames.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/sound_decoder.h"

namespace vidmuse {

// A video whose groups of frames can be decoded side by side.
struct SplitVideo {
  SampledFrames frames;  // the part's, without the numbers of the frames, whose count is `distinct`
  int distinct = 0;      // at least 1
  int groups = 0;        // at least 1
  uint64_t decoder_bytes = 0;  // about the memory that each decoder takes
  // So many groups, from the first on, are decoded already.
  int decoded_groups = 0;
  int decoded_frames = 0;
  std::vector<std::vector<uint8_t>> pixels;  // [distinct] theirs; the others are empty
};

// Errors are the watch's, DATA_LOSS if the answer ends early, and UNKNOWN if it breaks the
// protocol. Not thread-safe.
class AnswerReader {
 public:
  // `fd` must be non-blocking, and must reach its end when `watch` is cancelled. `fd` and `watch`
  // must outlive the reader.
  AnswerReader(int fd, const DecodeWatch& watch) : fd_(fd), watch_(watch) {}

  struct Answer {
    AnswerHeader header;
    std::string message;  // printable ASCII
  };
  absl::StatusOr<Answer> ReadAnswer();

  // Reads what follows the header of a kSplit answer, for a part of a video of at most
  // `max_seconds`.
  absl::StatusOr<SplitVideo> ReadSplit(const AnswerHeader& header, const FramePart& part,
                                       int max_seconds);
  // Reads the pixels of one frame.
  absl::StatusOr<std::vector<uint8_t>> ReadPixels();
  // Reads what follows the header of a kFrames answer, for a part of a video of at most
  // `max_seconds`. For a first part, all local frames may come.
  absl::StatusOr<VideoFrames> ReadFrames(const AnswerHeader& header, const FramePart& part,
                                         int max_seconds);
  // Reads what follows the header of a kSound answer.
  absl::StatusOr<DecodedSound> ReadSound(const AnswerHeader& header);
  // Reads what follows the header of a kSoundPart answer, and adds it to `sound`.
  absl::Status ReadSoundPart(const AnswerHeader& header, const SoundLimits& limits,
                             WholeSound* sound);
  // Reads what follows the header of a kPictureInfo answer.
  absl::StatusOr<PictureInfo> ReadPictureInfo(const Limits& limits);
  // Reads what follows the header of a kPicture answer, for the next place in the order.
  absl::StatusOr<Picture> ReadPicture(const PictureOrder& order, size_t place,
                                      const Limits& limits);

 private:
  absl::Status Read(void* bytes, size_t size);
  // Reads what follows the lists of a kSplit answer.
  absl::Status ReadDecoded(const AnswerHeader& header, SplitVideo& split);
  static absl::Status CheckCounts(const AnswerHeader& header, const FramePart& part,
                                  int max_seconds);
  // Reads `count` numbers in [0, frames).
  absl::StatusOr<std::vector<int>> ReadIndices(size_t count, uint32_t frames);

  const int fd_;
  const DecodeWatch& watch_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_ANSWER_READER_H_
