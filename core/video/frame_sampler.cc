#include "core/video/frame_sampler.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "core/video/decode_watch.h"
#include "core/video/distinct_frames.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/file_kind.h"
#include "core/video/frame_converter.h"
#include "core/video/frame_picker.h"
#include "core/video/packet_index.h"
#include "core/video/sampling_rules.h"
#include "core/video/video_decoder.h"
#include "core/video/video_file.h"
#include "core/video/video_length.h"
#include "vidmuse/status_details.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
}

namespace vidmuse {
namespace {

constexpr double kMicroseconds = 1e6;

absl::Status TooDamaged(absl::string_view what, int64_t good, int64_t all) {
  return absl::InvalidArgumentError(
      absl::StrCat("the video is damaged beyond use: only ", good, " of its ", all, " ", what));
}

// The frame rate and length by which a video is sampled.
struct Timeline {
  double frame_rate = 0;
  int seconds = 0;
};

// One call of SampleVideo.
class Sampler {
 public:
  Sampler(absl::string_view bytes, const Limits& limits, int max_seconds, const CancelFlag& cancel)
      : bytes_(bytes),
        limits_(limits),
        max_seconds_(max_seconds),
        watch_(cancel, ReadTimeLimit(bytes.size(), limits)) {}

  absl::StatusOr<VideoFrames> Run(const TimeLimitCallback& on_time_limit);

 private:
  struct Outcome {
    int64_t decoded = 0;
    int64_t errors = 0;
  };

  absl::StatusOr<std::unique_ptr<VideoFile>> Open() const {
    return VideoFile::Open(bytes_, limits_, watch_, ignore_edits_);
  }
  absl::StatusOr<PacketIndex> ReadPackets();
  absl::StatusOr<PacketIndex> ReadAllPackets();
  absl::StatusOr<Timeline> MakeTimeline(const PacketIndex& index) const;
  absl::Duration TimeLimit(const PacketIndex& index) const;
  absl::StatusOr<VideoFrames> Sample(const Timeline& timeline, PacketIndex index);

  // Decodes the file. Frames are identified by their presentation times `pts`, or by their order if
  // it is empty. Without a picker, they are only counted.
  absl::StatusOr<Outcome> Decode(const std::vector<int64_t>& pts, FramePicker* picker);
  absl::Status TakeFrames(VideoDecoder& decoder, const std::vector<int64_t>& pts,
                          FramePicker* picker, Outcome& outcome);

  const absl::string_view bytes_;
  const Limits& limits_;
  const int max_seconds_;
  DecodeWatch watch_;
  bool ignore_edits_ = false;
  VideoHeader header_;
};

absl::StatusOr<VideoFrames> Sampler::Run(const TimeLimitCallback& on_time_limit) {
  if (bytes_.empty()) return absl::InvalidArgumentError("the video is empty: 0 bytes");
  if (bytes_.size() > limits_.max_video_bytes) {
    return AboutLimit(absl::InvalidArgumentError(
                          absl::StrCat("the video has ", bytes_.size(), " bytes; the limit is ",
                                       limits_.max_video_bytes, " (max_video_bytes)")),
                      "max_video_bytes", static_cast<double>(bytes_.size()));
  }
  RETURN_IF_ERROR(watch_.Check());
  ASSIGN_OR_RETURN(PacketIndex index, ReadPackets());
  ASSIGN_OR_RETURN(const Timeline timeline, MakeTimeline(index));
  const absl::Duration time_limit = TimeLimit(index);
  watch_.SetTimeLimit(time_limit);
  on_time_limit(time_limit);
  return Sample(timeline, std::move(index));
}

absl::StatusOr<PacketIndex> Sampler::ReadAllPackets() {
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoFile> file, Open());
  header_ = file->header();
  file->KeepSoundAndVideo();
  return IndexPackets(*file, limits_);
}

absl::StatusOr<PacketIndex> Sampler::ReadPackets() {
  ASSIGN_OR_RETURN(PacketIndex index, ReadAllPackets());
  if (index.frames <= 1 && index.packets > 2) {
    // An edit list that leaves at most one frame is wrong, and is ignored.
    ignore_edits_ = true;
    ASSIGN_OR_RETURN(index, ReadAllPackets());
  }
  if (index.frames == 0) {
    return absl::InvalidArgumentError("the video has no frames that can be read");
  }
  if (index.frames == 1 && !PictureKind(bytes_).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file is a still picture (", PictureKind(bytes_), "), not a video"));
  }
  if (index.packets < header_.indexed_packets / 2) {
    return TooDamaged("frames are in the file", index.packets, header_.indexed_packets);
  }
  return index;
}

absl::StatusOr<Timeline> Sampler::MakeTimeline(const PacketIndex& index) const {
  const VideoLength length = LengthOf(header_, index);
  RETURN_IF_ERROR(CheckLength(length.us, index, limits_));
  const double rate = static_cast<double>(index.frames) * kMicroseconds /
                      static_cast<double>(std::max(index.video_span_us, length.us));
  if (rate > limits_.max_frames_per_second) {
    return AboutLimit(absl::InvalidArgumentError(
                          absl::StrCat("the video has ", rate, " frames a second; the limit is ",
                                       limits_.max_frames_per_second, " (max_frames_per_second)")),
                      "max_frames_per_second", rate);
  }
  Timeline timeline;
  timeline.seconds = static_cast<int>(WholeSeconds(length.us));
  if (max_seconds_ > 0) timeline.seconds = std::min(timeline.seconds, max_seconds_);
  timeline.frame_rate = header_.frame_rate;
  const double measured =
      MeasuredFrameRate(index.frames, index.video_span_us > 0 ? index.video_span_us : length.us);
  // Without the right duration, the header's frame rate is a guess from the first frames.
  const bool plausible = length.header_is_right
                             ? header_.frame_rate <= limits_.max_frames_per_second
                             : std::abs(header_.frame_rate - measured) <= 0.1 * measured;
  if (header_.frame_rate <= 0 || !plausible) timeline.frame_rate = measured;
  return timeline;
}

absl::Duration Sampler::TimeLimit(const PacketIndex& index) const {
  const double seconds = static_cast<double>(LengthOf(header_, index).us) / kMicroseconds;
  const double pixels =
      static_cast<double>(header_.width) * header_.height * static_cast<double>(index.frames);
  return VideoTimeLimit(seconds, pixels, limits_);
}

absl::StatusOr<VideoFrames> Sampler::Sample(const Timeline& timeline, PacketIndex index) {
  int64_t frames = index.frames;
  bool recounted = false;
  while (true) {
    const auto local = LocalFrameIndices(timeline.frame_rate, frames, timeline.seconds);
    const auto global = GlobalFrameIndices(frames);
    std::vector<int64_t> wanted = local;
    wanted.insert(wanted.end(), global.begin(), global.end());
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());

    FrameConverter converter(header_.width, header_.height, header_.rotation);
    DistinctFrames store;
    FramePicker picker(std::move(wanted), converter, store);
    ASSIGN_OR_RETURN(Outcome outcome, Decode(index.pts, &picker));

    const bool by_order = index.pts.empty();
    const bool as_expected =
        by_order ? outcome.decoded == frames : picker.hits() == picker.wanted().size();
    if (!as_expected && outcome.errors == 0 && !recounted && outcome.decoded > 0) {
      // The video is whole, but its packets are not its frames (fields, hidden frames): the
      // decoder's count is right.
      if (!by_order) {
        index.pts.clear();
        ASSIGN_OR_RETURN(outcome, Decode(index.pts, nullptr));
      }
      frames = outcome.decoded;
      recounted = true;
      continue;
    }
    RETURN_IF_ERROR(picker.Finish());
    if (picker.hits() * 2 < picker.wanted().size()) {
      return TooDamaged("sampled frames can be decoded", static_cast<int64_t>(picker.hits()),
                        static_cast<int64_t>(picker.wanted().size()));
    }
    VideoFrames result;
    result.seconds = timeline.seconds;
    for (const int64_t i : local) result.local.push_back(picker.StoredIndex(i));
    for (const int64_t i : global) result.global.push_back(picker.StoredIndex(i));
    result.frames = store.Take();
    return result;
  }
}

absl::StatusOr<Sampler::Outcome> Sampler::Decode(const std::vector<int64_t>& pts,
                                                 FramePicker* picker) {
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoFile> file, Open());
  file->KeepOnlyVideo();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoDecoder> decoder,
                   VideoDecoder::Create(*file, limits_));
  std::vector<int64_t> wanted_pts;
  if (!pts.empty()) {
    for (const int64_t i : picker->wanted()) wanted_pts.push_back(pts[static_cast<size_t>(i)]);
  }
  Outcome outcome;
  const AvPacketPtr packet = NewPacket();
  bool more = true;
  while (more) {
    // When frames are identified by order, all of them must be decoded and counted.
    if (!pts.empty() && picker->done()) break;
    ASSIGN_OR_RETURN(more, file->NextPacket(packet.get()));
    const bool skip = more && !pts.empty() && decoder->CanSkip() &&
                      !std::binary_search(wanted_pts.begin(), wanted_pts.end(), packet->pts);
    RETURN_IF_ERROR(decoder->Send(more ? packet.get() : nullptr, skip));
    RETURN_IF_ERROR(TakeFrames(*decoder, pts, picker, outcome));
  }
  outcome.errors = decoder->errors();
  return outcome;
}

absl::Status Sampler::TakeFrames(VideoDecoder& decoder, const std::vector<int64_t>& pts,
                                 FramePicker* picker, Outcome& outcome) {
  const AvFramePtr frame = NewFrame();
  while (true) {
    RETURN_IF_ERROR(watch_.Check());
    ASSIGN_OR_RETURN(const bool got, decoder.Receive(frame.get()));
    if (!got) return absl::OkStatus();
    int64_t index = outcome.decoded++;
    if (picker == nullptr) continue;
    if (!pts.empty()) {
      const int64_t time = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
      const auto it = std::lower_bound(pts.begin(), pts.end(), time);
      // If no packet has this time, the frame's place is unknown.
      if (it == pts.end() || *it != time) continue;
      index = it - pts.begin();
    }
    RETURN_IF_ERROR(picker->Offer(index, frame.get()));
  }
}

}  // namespace

absl::StatusOr<VideoFrames> SampleVideo(absl::string_view file, const Limits& limits,
                                        int max_seconds, const CancelFlag& cancel) {
  return SampleVideoInTime(file, limits, max_seconds, cancel, [](absl::Duration) {});
}

absl::StatusOr<VideoFrames> SampleVideoInTime(absl::string_view file, const Limits& limits,
                                              int max_seconds, const CancelFlag& cancel,
                                              const TimeLimitCallback& on_time_limit) {
  InitFfmpeg();
  return Sampler(file, limits, max_seconds, cancel).Run(on_time_limit);
}

}  // namespace vidmuse
