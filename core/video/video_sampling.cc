#include "core/video/video_sampling.h"

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
#include "core/video/frame_converter.h"
#include "core/video/frame_picker.h"
#include "core/video/packet_index.h"
#include "core/video/sampling_rules.h"
#include "core/video/video_decoder.h"
#include "core/video/video_file.h"
#include "core/video/video_length.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
}

namespace vidmuse {
namespace {

constexpr double kMicroseconds = 1e6;

// Frame buffers that a decoder holds at most: references, pictures in the wrong order, and output.
constexpr uint64_t kMostFrameBuffers = 20;
// Each part has to be decoded from the start of a group. If a group is longer than this, all frames
// are decoded with the first part instead.
constexpr double kLongestGroupSeconds = 30;
// What a decoder takes besides.
constexpr uint64_t kBytesBesideFrames = 48 << 20;

int64_t TimeOf(const AVFrame& frame) {
  return frame.pts != AV_NOPTS_VALUE ? frame.pts : frame.best_effort_timestamp;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoSampling>> VideoSampling::Read(
    absl::string_view file, const Limits& limits, int max_seconds, const FramePart& part,
    const CancelFlag& cancel, EarlyFrames early) {
  std::unique_ptr<VideoSampling> sampling(
      new VideoSampling(file, limits, max_seconds, part, cancel, std::move(early)));
  RETURN_IF_ERROR(sampling->ReadFile());
  return sampling;
}

absl::Status VideoSampling::ReadFile() {
  RETURN_IF_ERROR(CheckFileSize(bytes_, limits_));
  RETURN_IF_ERROR(watch_.Check());
  RETURN_IF_ERROR(ReadPackets());
  RETURN_IF_ERROR(ChooseRateAndLength());
  SetTimeLimit();
  all_ = ChooseFrames(index_.frames, index_.times);
  frames_ = PartOf(all_, part_);
  if (frames_.local.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the video has ", all_.local.size(), " local frames, not one of number ", part_.first));
  }
  // Without the header's size, the first decoded frame decides it.
  if (header_.width > 0 && header_.height > 0) ChooseGroups();
  return absl::OkStatus();
}

void VideoSampling::ChooseGroups() {
  groups_ = GroupFrames(index_, frames_.wanted);
  if (part_.first > 0 || frames_.local.size() == all_.local.size()) return;
  std::vector<FrameGroup> groups = GroupFrames(index_, all_.wanted);
  const bool apart = std::all_of(groups.begin(), groups.end(), [&](const FrameGroup& group) {
    return static_cast<double>(group.last - group.begin) < kLongestGroupSeconds * frame_rate_;
  });
  if (apart) return;
  frames_ = all_;
  groups_ = std::move(groups);
}

absl::Status VideoSampling::ReadAllPackets() {
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoFile> file, Open());
  header_ = file->header();
  file->KeepSoundAndVideo();
  std::optional<PacketDigest> digest;
  if (early_.digest) digest.emplace(*file);
  ASSIGN_OR_RETURN(index_, IndexPackets(*file, limits_, [&](const AVPacket& packet) {
                     if (digest && digest->packets() < early_.digest->packets()) {
                       digest->Add(packet);
                     }
                   }));
  CheckEarlyFrames(digest);
  return absl::OkStatus();
}

void VideoSampling::CheckEarlyFrames(const std::optional<PacketDigest>& digest) {
  const bool same = early_.digest && digest == early_.digest;
  const bool unreferenced = early_.left_out_layer.value_or(index_.top_layer) == index_.top_layer;
  if (!same || !unreferenced) early_ = {};
}

bool VideoSampling::IsDecoded(const FrameGroup& group) const {
  if (group.frames.empty() || early_.pixels.empty()) return false;
  // Damage up to there could harm the next group.
  if (group.followed && group.end > early_.digest->packets()) return false;
  return std::all_of(group.frames.begin(), group.frames.end(), [&](int position) {
    const int64_t frame = frames_.wanted[static_cast<size_t>(position)];
    return early_.pixels.contains(index_.pts[static_cast<size_t>(frame)]);
  });
}

absl::Status VideoSampling::ReadPackets() {
  RETURN_IF_ERROR(ReadAllPackets());
  if (index_.frames <= 1 && index_.packets > 2) {
    // An edit list that leaves at most one frame is wrong, and is ignored.
    ignore_edits_ = true;
    RETURN_IF_ERROR(ReadAllPackets());
  }
  return CheckPackets(header_, index_, bytes_);
}

absl::Status VideoSampling::ChooseRateAndLength() {
  const VideoLength length = LengthOf(header_, index_);
  RETURN_IF_ERROR(CheckLength(length.us, index_, limits_));
  ASSIGN_OR_RETURN(frame_rate_, FrameRate(header_, index_, length, limits_));
  seconds_ = static_cast<int>(WholeSeconds(length.us));
  if (max_seconds_ > 0) seconds_ = std::min(seconds_, max_seconds_);
  return absl::OkStatus();
}

void VideoSampling::SetTimeLimit() {
  const double seconds = static_cast<double>(LengthOf(header_, index_).us) / kMicroseconds;
  const double pixels =
      static_cast<double>(header_.width) * header_.height * static_cast<double>(index_.frames);
  time_limit_ = VideoTimeLimit(seconds, pixels, limits_);
  watch_.SetTimeLimit(time_limit_);
}

std::vector<int64_t> VideoSampling::OnScreen(int64_t frames, const FrameTimes& times) const {
  const std::vector<int64_t>& at = times.at;
  const bool all_known = static_cast<int64_t>(at.size()) == frames &&
                         std::is_sorted(at.begin(), at.end()) && at.front() != AV_NOPTS_VALUE;
  if (all_known) return FramesOnScreen(times, seconds_);
  // Without times, the frames count as equally long.
  const int64_t span = index_.video_span_us;
  return FramesOnScreen(span > 0 ? MeasuredFrameRate(frames, span) : frame_rate_, frames, seconds_);
}

SampledFrames VideoSampling::ChooseFrames(int64_t frames, const FrameTimes& times) const {
  const bool by_time = part_.alignment == Alignment::kTime;
  const std::vector<int64_t> local =
      by_time ? OnScreen(frames, times) : LocalFrameIndices(frame_rate_, frames, seconds_);
  std::vector<int64_t> global =
      GlobalFrameIndices(by_time ? static_cast<int64_t>(local.size()) : frames);
  if (by_time) {
    for (int64_t& frame : global) frame = local[static_cast<size_t>(frame)];
  }
  SampledFrames sampled;
  sampled.seconds = seconds_;
  std::vector<int64_t>& wanted = sampled.wanted;
  wanted = local;
  wanted.insert(wanted.end(), global.begin(), global.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const auto position = [&](int64_t frame) {
    return static_cast<int>(std::lower_bound(wanted.begin(), wanted.end(), frame) - wanted.begin());
  };
  for (const int64_t i : local) sampled.local.push_back(position(i));
  for (const int64_t i : global) sampled.global.push_back(position(i));
  return sampled;
}

int64_t VideoSampling::pixels_in_groups() const {
  int64_t packets = 0;
  for (const FrameGroup& group : groups_) {
    if (!IsDecoded(group)) packets += group.last + 1 - group.begin;
  }
  return packets * header_.width * header_.height;
}

size_t VideoSampling::decoded_groups() const {
  size_t count = 0;
  while (count < groups_.size() && IsDecoded(groups_[count])) ++count;
  return count;
}

std::map<int, std::vector<uint8_t>> VideoSampling::TakeDecoded() {
  std::map<int, std::vector<uint8_t>> taken;
  const size_t count = decoded_groups();
  for (size_t group = 0; group < count; ++group) {
    TakeDecoded(groups_[group], [&](int position, std::vector<uint8_t> pixels) {
      taken[position] = std::move(pixels);
    });
  }
  early_ = {};
  return taken;
}

void VideoSampling::TakeDecoded(
    const FrameGroup& group,
    const std::function<void(int position, std::vector<uint8_t> pixels)>& take) {
  for (const int position : group.frames) {
    const int64_t frame = frames_.wanted[static_cast<size_t>(position)];
    take(position, std::move(early_.pixels.at(index_.pts[static_cast<size_t>(frame)])));
  }
}

uint64_t VideoSampling::decoder_bytes() const {
  // The RGB frame for conversion is no larger than three of the others.
  const auto pixels = static_cast<uint64_t>(header_.width) * static_cast<uint64_t>(header_.height);
  return kBytesBesideFrames + pixels * header_.bytes_per_pixel * kMostFrameBuffers;
}

absl::StatusOr<VideoFrames> VideoSampling::Decode() {
  if (!groups_.empty()) {
    std::vector<std::vector<uint8_t>> pixels(frames_.wanted.size());
    ASSIGN_OR_RETURN(const bool sure, DecodeGroups(pixels));
    if (sure) return AssembleFrames(frames_, std::move(pixels));
  }
  return DecodeInOrder();
}

absl::StatusOr<std::unique_ptr<GroupDecoder>> VideoSampling::NewGroupDecoder() const {
  ASSIGN_OR_RETURN(std::unique_ptr<VideoFile> file, Open());
  return GroupDecoder::Create(std::move(file), index_, frames_.wanted, groups_, limits_, watch_);
}

absl::StatusOr<bool> VideoSampling::DecodeGroups(std::vector<std::vector<uint8_t>>& pixels) {
  std::vector<bool> decoded;
  for (const FrameGroup& group : groups_) {
    decoded.push_back(IsDecoded(group));
    if (!decoded.back()) continue;
    TakeDecoded(group, [&](int position, std::vector<uint8_t> frame) {
      pixels[static_cast<size_t>(position)] = std::move(frame);
    });
  }
  early_ = {};  // the rest isn't needed
  absl::StatusOr<std::unique_ptr<GroupDecoder>> decoder = NewGroupDecoder();
  absl::StatusOr<bool> sure = decoder.ok();
  for (size_t group = 0; group < groups_.size() && sure.ok() && *sure; ++group) {
    if (decoded[group]) continue;
    sure = (*decoder)->Decode(group, [&](int position, std::vector<uint8_t> frame) {
      pixels[static_cast<size_t>(position)] = std::move(frame);
    });
  }
  RETURN_IF_ERROR(watch_.Check());
  return sure.ok() && *sure;  // decoding in order finds the same error, if it is one
}

absl::StatusOr<VideoFrames> VideoSampling::DecodeInOrder() {
  return part_.first == 0 ? DecodeAllInOrder() : DecodePartInOrder();
}

// The frames before have been used, so the list of wanted frames stays, whatever the decoder says,
// and what is missing is replaced, however much it is.
absl::StatusOr<VideoFrames> VideoSampling::DecodePartInOrder() {
  std::vector<int64_t> wanted = all_.wanted;
  while (wanted.back() > frames_.wanted.back()) wanted.pop_back();
  FrameConverter converter(header_.width, header_.height, header_.rotation);
  DistinctFrames store;
  FramePicker picker(std::move(wanted), converter, store);
  RETURN_IF_ERROR(DecodeAll(index_.pts, &picker).status());
  RETURN_IF_ERROR(picker.Finish());
  std::vector<std::vector<uint8_t>> decoded = store.Take();
  std::vector<std::vector<uint8_t>> pixels;
  pixels.reserve(frames_.wanted.size());
  for (const int64_t frame : frames_.wanted) {
    pixels.push_back(decoded[static_cast<size_t>(picker.StoredIndex(frame))]);
  }
  return AssembleFrames(frames_, std::move(pixels));
}

absl::StatusOr<VideoFrames> VideoSampling::DecodeAllInOrder() {
  SampledFrames frames = all_;
  std::vector<int64_t> pts = index_.pts;
  int64_t count = index_.frames;
  bool recounted = false;
  while (true) {
    FrameConverter converter(header_.width, header_.height, header_.rotation);
    DistinctFrames store;
    FramePicker picker(frames.wanted, converter, store);
    ASSIGN_OR_RETURN(Outcome outcome, DecodeAll(pts, &picker));

    const bool by_order = pts.empty();
    const bool as_expected =
        by_order ? outcome.decoded == count : picker.hits() == picker.wanted().size();
    if (!as_expected && outcome.errors == 0 && !recounted && outcome.decoded > 0) {
      // The video is whole, but its packets are not its frames (fields, hidden frames): the
      // decoder's count is right.
      if (!by_order) {
        pts.clear();
        ASSIGN_OR_RETURN(outcome, DecodeAll(pts, nullptr));
      }
      count = outcome.decoded;
      frames = ChooseFrames(count, outcome.times);
      recounted = true;
      continue;
    }
    RETURN_IF_ERROR(picker.Finish());
    if (picker.hits() * 2 < picker.wanted().size()) {
      return TooDamaged("sampled frames can be decoded", static_cast<int64_t>(picker.hits()),
                        static_cast<int64_t>(picker.wanted().size()));
    }
    std::vector<int> stored;
    stored.reserve(frames.wanted.size());
    for (const int64_t frame : frames.wanted) stored.push_back(picker.StoredIndex(frame));
    return AssembleFrames(frames, stored, std::move(store));
  }
}

absl::StatusOr<VideoSampling::Outcome> VideoSampling::DecodeAll(const std::vector<int64_t>& pts,
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
  outcome.times.numerator = file->stream().time_base.num;
  outcome.times.denominator = file->stream().time_base.den;
  const AvPacketPtr packet = NewPacket();
  bool more = true;
  size_t number = 0;
  while (more) {
    // When frames are identified by order, all of them must be decoded and counted.
    if (!pts.empty() && picker->done()) break;
    ASSIGN_OR_RETURN(more, file->NextPacket(packet.get()));
    const bool skip = more && !pts.empty() &&
                      (decoder->CanSkip() || index_.IsUnreferenced(number)) &&
                      !std::binary_search(wanted_pts.begin(), wanted_pts.end(), packet->pts);
    ++number;
    RETURN_IF_ERROR(decoder->Send(more ? packet.get() : nullptr, skip));
    RETURN_IF_ERROR(TakeFrames(*decoder, pts, picker, outcome));
  }
  outcome.errors = decoder->errors();
  return outcome;
}

absl::Status VideoSampling::TakeFrames(VideoDecoder& decoder, const std::vector<int64_t>& pts,
                                       FramePicker* picker, Outcome& outcome) {
  const AvFramePtr frame = NewFrame();
  while (true) {
    RETURN_IF_ERROR(watch_.Check());
    ASSIGN_OR_RETURN(const bool got, decoder.Receive(frame.get()));
    if (!got) return absl::OkStatus();
    int64_t index = outcome.decoded++;
    outcome.times.at.push_back(TimeOf(*frame));
    if (picker == nullptr) continue;
    if (!pts.empty()) {
      const int64_t time = TimeOf(*frame);
      const auto it = std::lower_bound(pts.begin(), pts.end(), time);
      // If no packet has this time, the frame's place is unknown.
      if (it == pts.end() || *it != time) continue;
      index = it - pts.begin();
    }
    RETURN_IF_ERROR(picker->Offer(index, frame.get()));
  }
}

}  // namespace vidmuse
