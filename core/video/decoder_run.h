// One decoder process for one file: what it answers, checked, and what its end means.
#ifndef VIDMUSE_VIDEO_DECODER_RUN_H_
#define VIDMUSE_VIDEO_DECODER_RUN_H_

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/answer_reader.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_process.h"
#include "core/video/picture_order.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Not thread-safe.
class DecoderRun {
 public:
  // `watch` and `limits` must outlive the run. Cancelling the watch kills the process.
  DecoderRun(DecoderProcess process, DecodeWatch& watch, const Limits& limits);

  // Returns why system calls are not filtered; empty if they are.
  absl::StatusOr<std::string> ReadStart();

  // The result of a process that decodes a sound, or a part of a video, alone, or that lets others
  // decode the part. The time limit in its answer becomes the watch's. After success the process
  // has ended.
  using Result = std::variant<VideoFrames, SplitVideo, DecodedSound>;
  absl::StatusOr<Result> ReadResult(const FramePart& part, int max_seconds);

  // The result of a process that decodes a whole sound, like ReadResult.
  absl::StatusOr<WholeSound> ReadWholeSound(const SoundLimits& limits);

  // The result of a process that decodes pictures, which `take` gets as they come. Errors are those
  // of ReadResult and of `take`.
  absl::StatusOr<PictureInfo> ReadPictures(const PictureOrder& order, TakePicture take);

  // Reads the next answer of a process that decodes groups: kFrame, kNoMoreGroups, ...
  // After kFrame, ReadPixels must follow.
  absl::StatusOr<AnswerHeader> ReadGroupAnswer();
  absl::StatusOr<std::vector<uint8_t>> ReadPixels() { return reader_.ReadPixels(); }

 private:
  absl::StatusOr<Result> ReadFramesOrRefusal(const FramePart& part, int max_seconds);
  absl::StatusOr<WholeSound> ReadSoundOrRefusal(const SoundLimits& limits);
  absl::StatusOr<PictureInfo> ReadPicturesOrRefusal(const PictureOrder& order, TakePicture take);
  // Reads the first answer about the file, and takes the time limit in it.
  absl::StatusOr<AnswerReader::Answer> ReadFirstAnswer();
  // Turns what the reader couldn't read into what that says about the file. Ends a process that
  // gave its result.
  absl::Status Explain(const absl::Status& status);

  DecoderProcess process_;
  DecodeWatch& watch_;
  AnswerReader reader_;
  const Limits& limits_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_RUN_H_
