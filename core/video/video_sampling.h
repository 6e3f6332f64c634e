// One video on its way to sampled frames: first it is read, then it is decoded.
#ifndef VIDMUSE_VIDEO_VIDEO_SAMPLING_H_
#define VIDMUSE_VIDEO_VIDEO_SAMPLING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/decode_watch.h"
#include "core/video/early_frames.h"
#include "core/video/frame_groups.h"
#include "core/video/frame_picker.h"
#include "core/video/group_decoder.h"
#include "core/video/packet_index.h"
#include "core/video/sampled_frames.h"
#include "core/video/sampling_rules.h"
#include "core/video/video_file.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Not thread-safe.
class VideoSampling {
 public:
  // Reads the header and all packets and chooses the part's frames, for the arguments and with the
  // errors of SampleVideo (frame_sampler.h). The file, the limits and the flag must outlive the
  // result.
  // `early` has frames that were decoded before. They are used if they are this file's.
  static absl::StatusOr<std::unique_ptr<VideoSampling>> Read(absl::string_view file,
                                                             const Limits& limits, int max_seconds,
                                                             const FramePart& part,
                                                             const CancelFlag& cancel,
                                                             EarlyFrames early = {});

  // The time that reading and decoding may take together, which counts from the call of Read.
  absl::Duration time_limit() const { return time_limit_; }
  // The part's frames, or all frames in place of the first part's if decoding the parts apart from
  // each other takes much longer than decoding them together.
  const SampledFrames& frames() const { return frames_; }
  // Groups of packets that can be decoded apart from each other. Empty: there are none.
  const std::vector<FrameGroup>& groups() const { return groups_; }
  // Pixels of all pictures in the groups that aren't decoded yet, a measure of the work to do.
  int64_t pixels_in_groups() const;
  // How many groups, from the first on, are decoded already.
  size_t decoded_groups() const;
  // Hands out their frames, by position.
  std::map<int, std::vector<uint8_t>> TakeDecoded();
  // About how much memory a decoder of this video takes.
  uint64_t decoder_bytes() const;

  // Decodes the frames: the groups one after another, or in order if that gives another result.
  absl::StatusOr<VideoFrames> Decode();
  // Decodes packet after packet. What is missing or damaged is replaced. For the first part, it
  // returns all frames of the video, which were decoded on the way to the last global one.
  absl::StatusOr<VideoFrames> DecodeInOrder();
  // For a part of the groups. Must not outlive this object.
  absl::StatusOr<std::unique_ptr<GroupDecoder>> NewGroupDecoder() const;

 private:
  struct Outcome {
    int64_t decoded = 0;
    int64_t errors = 0;
    FrameTimes times;  // of the decoded frames, in the order in which they came
  };

  VideoSampling(absl::string_view bytes, const Limits& limits, int max_seconds,
                const FramePart& part, const CancelFlag& cancel, EarlyFrames early)
      : bytes_(bytes),
        limits_(limits),
        max_seconds_(max_seconds),
        part_(part),
        early_(std::move(early)),
        watch_(cancel, ReadTimeLimit(bytes.size(), limits)) {}

  absl::StatusOr<std::unique_ptr<VideoFile>> Open() const {
    return VideoFile::Open(bytes_, limits_, watch_, ignore_edits_);
  }
  absl::Status ReadFile();
  absl::Status ReadPackets();
  absl::Status ReadAllPackets();
  absl::Status ChooseRateAndLength();
  void SetTimeLimit();
  void ChooseGroups();
  // Chooses among `frames` frames, which are shown at `times` (index_.times, unless the decoder
  // gave others).
  SampledFrames ChooseFrames(int64_t frames, const FrameTimes& times) const;
  // For Alignment::kTime, with the same arguments: the frames on screen every half second.
  std::vector<int64_t> OnScreen(int64_t frames, const FrameTimes& times) const;
  // Moves the group's frames, which are all there, from the early ones.
  void TakeDecoded(const FrameGroup& group,
                   const std::function<void(int position, std::vector<uint8_t> pixels)>& take);
  // True if all of the group's frames are among the early ones.
  bool IsDecoded(const FrameGroup& group) const;
  // Drops the early frames unless they are those of the packets that begin the file.
  void CheckEarlyFrames(const std::optional<PacketDigest>& digest);
  // Fills in `pixels` by position. Returns false if only DecodeInOrder gives the right frames.
  absl::StatusOr<bool> DecodeGroups(std::vector<std::vector<uint8_t>>& pixels);

  // DecodeInOrder of all frames, and of a part that isn't the first.
  absl::StatusOr<VideoFrames> DecodeAllInOrder();
  absl::StatusOr<VideoFrames> DecodePartInOrder();
  // Decodes the file. Frames are identified by their presentation times `pts`, or by their order if
  // it is empty. Without a picker, they are only counted.
  absl::StatusOr<Outcome> DecodeAll(const std::vector<int64_t>& pts, FramePicker* picker);
  absl::Status TakeFrames(VideoDecoder& decoder, const std::vector<int64_t>& pts,
                          FramePicker* picker, Outcome& outcome);

  const absl::string_view bytes_;
  const Limits& limits_;
  const int max_seconds_;
  const FramePart part_;
  EarlyFrames early_;  // empty once they are known to be of other packets
  DecodeWatch watch_;
  absl::Duration time_limit_;
  bool ignore_edits_ = false;
  VideoHeader header_;
  PacketIndex index_;
  // By which the video is sampled.
  double frame_rate_ = 0;
  int seconds_ = 0;
  SampledFrames all_;
  SampledFrames frames_;            // see frames()
  std::vector<FrameGroup> groups_;  // of frames_
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_VIDEO_SAMPLING_H_
