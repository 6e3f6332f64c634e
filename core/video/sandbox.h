// Decodes each video and each sound in a process of its own, so that a file that makes the decoder
// crash, hang, take memory or run foreign code harms only its own request.
#ifndef VIDMUSE_VIDEO_SANDBOX_H_
#define VIDMUSE_VIDEO_SANDBOX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "core/base/clock.h"
#include "core/base/unique_fd.h"
#include "core/base/worker_pool.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_budget.h"
#include "core/video/decoder_process.h"
#include "core/video/decoder_run.h"
#include "core/video/frame_part.h"
#include "core/video/picture_order.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/sound_decoder.h"
#include "core/video/video_reader.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Each file gets a fresh process of a small program, which has no access to the server's memory,
// files, sockets or environment. It may compute, within limits of memory and time (confinement.h),
// and write its result to a pipe, where the server checks it.
//
// A long video whose groups of frames don't depend on each other is read by one process, and then
// decoded by several, which together have the memory and the processor time that one would have.
// If any of them meets damage or anything else that makes its frames differ from those decoded in
// order, one process decodes the video anew.
//
// A video may be decoded while it is being uploaded, by a process that reads what is there
// (early_frames.h). It has only memory that no complete upload waits for, and is ended as soon as
// one does (decoder_budget.h), so a slow client keeps nobody waiting. What it made is used only if
// it is what the complete file gives, bit for bit; if it fails in any way, the file is decoded as
// if it had come at once.
//
// Thread-safe. All processes of a call end before it returns.
class VideoSandbox {
 public:
  // Whether the system call filter is required.
  enum class Filter { kRequired, kIfPossible };

  // What all decoders together may use.
  struct Budget {
    uint64_t bytes = 0;  // 0: DefaultDecoderBudget(). A video waits until its share is free.
    // 0: UsableCpus(). A video is decoded in several processes while there are idle cores.
    int cores = 0;
    // Videos with fewer pixels in the pictures that must be decoded have one process. This many
    // take about a third of a second.
    int64_t least_pixels_to_split = 250'000'000;
  };

  // Runs `program` once to see that it works. UNAVAILABLE means that it can't be run, or that the
  // filter is required but the kernel has none.
  static absl::StatusOr<std::unique_ptr<VideoSandbox>> Create(std::string program, Filter filter,
                                                              Budget budget);

  // Returns the path of vidmuse_video_decoder in the folder of the running program.
  static std::string DefaultProgram();

  // Tells why system calls are not filtered; empty if they are.
  const std::string& unfiltered() const { return unfiltered_; }

  // Makes a reader of what SampleVideo (frame_sampler.h) returns, part by part, in the sense of
  // OpenVideo. Between two parts it holds the file, and no process. All parts together may take the
  // time that decoding the whole at once may take. Errors are those of Sample. The sandbox must
  // outlive the reader.
  std::unique_ptr<VideoReader> Open(std::string file, const Limits& limits, int max_seconds) const;

  // Begins an upload, whose reader is like that of Open. The sandbox must outlive both.
  absl::StatusOr<std::unique_ptr<VideoUpload>> Receive(const VideoUploadOptions& options) const;

  // Returns what SampleVideo returns, with more errors. INVALID_ARGUMENT: the
  // video made its decoder crash, or needs more than limits.max_decoder_bytes (or than all decoders
  // may use). RESOURCE_EXHAUSTED: memory, descriptors or processes are short, or the kernel killed
  // the decoder, which it does when memory is short. INTERNAL: the program can no longer be run.
  absl::StatusOr<VideoFrames> Sample(absl::string_view file, const Limits& limits, int max_seconds,
                                     const CancelFlag& cancel) const;

  // Returns what DecodeSound (sound_decoder.h) returns, with the same additional errors as Sample.
  absl::StatusOr<DecodedSound> DecodeSound(absl::string_view file, const Limits& limits,
                                           const CancelFlag& cancel) const;

  // Decodes the sound of the file `file`, which is open for reading and as long as it likes, with
  // its own rate and channels. INVALID_ARGUMENT calls it "the sound": it is longer than
  // `most_seconds`, or as DecodeSound says. Other errors are those of DecodeSound.
  absl::StatusOr<WholeSound> DecodeWholeSound(const UniqueFd& file, double most_seconds,
                                              const CancelFlag& cancel) const;

  // Decodes pictures of the video `file`, which is open for reading, as DecodePictures
  // (picture_decoder.h) does. What `take` takes of the time counts towards the video's time limit.
  // Errors are those of DecodePictures and of Sample.
  absl::StatusOr<PictureInfo> ReadPictures(const UniqueFd& file, const PictureOrder& order,
                                           const Limits& limits, const CancelFlag& cancel,
                                           TakePicture take) const;

 private:
  VideoSandbox(std::string program, Filter filter, const Budget& budget)
      : program_(std::move(program)),
        filter_(filter),
        least_pixels_to_split_(budget.least_pixels_to_split),
        budget_(budget.bytes),
        cores_(budget.cores),
        // Its one thread lives as long as its processes may. They give way as those of the pool
        // do that decodes complete videos.
        starter_("vm-early", 1, kMostWaitingToStart, Clock::Real(), kNice) {}
  class Upload;

  absl::Status Probe();
  // The limits of a file that is decoded while the server holds `beside` bytes for it: a small
  // budget limits the memory of each file, and then one file may take all of it.
  Limits Granted(const Limits& limits, uint64_t beside) const;
  DecodeRequest NewRequest(const Limits& limits, int max_seconds, uint64_t capacity) const;
  absl::StatusOr<UniqueFd> MakeRequest(absl::string_view file, const Limits& limits,
                                       int max_seconds) const;
  // A file on its way to frames.
  struct OpenFile;
  std::unique_ptr<VideoReader> NewReader(std::shared_ptr<OpenFile> file) const;
  absl::StatusOr<VideoFrames> Decode(OpenFile& file, const FramePart& part,
                                     const CancelFlag& cancel) const;
  // Runs a process that decodes the part alone, or splits it.
  absl::StatusOr<DecoderRun::Result> RunFirst(const OpenFile& file, DecoderProcess process,
                                              const FramePart& part, DecodeWatch& watch) const;
  absl::StatusOr<DecoderRun::Result> RunNew(const OpenFile& file, DecoderRole role,
                                            const FramePart& part, DecodeWatch& watch) const;
  // Goes on from a process's result.
  absl::StatusOr<VideoFrames> DecodePart(const OpenFile& file, DecoderRun::Result result,
                                         const FramePart& part, DecodeWatch& watch) const;

  static constexpr size_t kMostWaitingToStart = 1000;
  static constexpr int kNice = 5;

  const std::string program_;
  const Filter filter_;
  const int64_t least_pixels_to_split_;
  mutable DecoderBudget budget_;
  mutable CoreBudget cores_;
  std::string unfiltered_;
  mutable WorkerPool starter_;  // of early decoders
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SANDBOX_H_
