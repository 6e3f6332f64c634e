#include "core/video/packet_index.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/file_kind.h"
#include "core/video/stream_clock.h"

extern "C" {
#include <libavcodec/codec_desc.h>
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
}

namespace vidmuse {
namespace {

std::optional<int64_t> Microseconds(int64_t time, AVRational time_base) {
  if (time == AV_NOPTS_VALUE) return std::nullopt;
  const int64_t scaled = av_rescale_q(time, time_base, AV_TIME_BASE_Q);
  // av_rescale_q returns this for times that don't fit and for invalid time bases.
  if (scaled == std::numeric_limits<int64_t>::min()) return std::nullopt;
  return scaled;
}

PacketTimes TimesOf(const AVPacket& packet, AVRational time_base) {
  PacketTimes times;
  times.shown = Microseconds(packet.pts, time_base);
  times.decoded = Microseconds(packet.dts, time_base);
  times.length = Microseconds(std::max<int64_t>(packet.duration, 0), time_base).value_or(0);
  return times;
}

StreamClock NewClock(const AVStream& stream, const VideoHeader& header, bool keep_times) {
  const AVCodecDescriptor* codec = avcodec_descriptor_get(stream.codecpar->codec_id);
  const bool reorders = codec == nullptr || (codec->props & AV_CODEC_PROP_REORDER) != 0;
  return StreamClock(reorders, header.clock_may_jump ? kLongestGapUs : kLongestStillUs, keep_times);
}

// Fills in index.times, and clears index.pts if it can't tell the frames apart. index.pts are those
// of all shown packets, ascending.
void TakeTimes(StreamClock& clock, AVRational time_base, PacketIndex& index) {
  const bool all_known = !index.pts.empty() && index.pts.front() != AV_NOPTS_VALUE;
  if (all_known && clock.steady()) {
    index.times = {index.pts, time_base.num, time_base.den};
  } else {
    index.times = {clock.TakeTimes(), 1, AV_TIME_BASE};
  }
  const bool twice = std::adjacent_find(index.pts.begin(), index.pts.end()) != index.pts.end();
  if (!all_known || twice || !clock.steady()) index.pts.clear();
}

// Fills in the results of all streams' clocks.
void TakeClocks(std::map<int, StreamClock>& clocks, const AVStream& video, PacketIndex& index) {
  int64_t start = std::numeric_limits<int64_t>::max();
  int64_t end = std::numeric_limits<int64_t>::min();
  int64_t longest = 0;
  for (auto& [stream, clock] : clocks) {
    clock.Finish();
    if (stream == video.index) TakeTimes(clock, video.time_base, index);
    if (clock.empty()) continue;
    index.steady &= clock.steady();
    start = std::min(start, clock.start());
    end = std::max(end, clock.start() + clock.length());
    longest = std::max(longest, clock.length());
    if (stream != video.index) continue;
    index.video_span_us = clock.length();
    index.longest_gap_us = clock.longest_gap();
  }
  if (end <= start) return;
  index.start_us = start;
  // Streams whose clocks jumped have no common timeline.
  index.span_us = index.steady ? end - start : longest;
}

}  // namespace

bool IsShown(const AVPacket& packet, const AVStream& stream) {
  if (packet.flags & AV_PKT_FLAG_DISCARD) return false;
  // Bit 4 of VP8's frame header.
  return stream.codecpar->codec_id != AV_CODEC_ID_VP8 || packet.size == 0 ||
         (packet.data[0] & 0x10) != 0;
}

absl::StatusOr<PacketIndex> IndexPackets(VideoFile& file, const Limits& limits,
                                         const std::function<void(const AVPacket&)>& visit) {
  const double max_frames = limits.max_frames_per_second * (limits.max_video_seconds + 1);
  PacketIndex index;
  std::map<int, StreamClock> clocks;  // by stream
  const int video = file.stream().index;
  PictureScan scan(*file.stream().codecpar);
  const AvPacketPtr packet = NewPacket();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, file.NextPacket(packet.get()));
    if (!more) break;
    const AVStream& stream = file.stream(packet->stream_index);
    const bool is_video = stream.index == video;
    const auto clock =
        clocks.try_emplace(stream.index, NewClock(stream, file.header(), is_video)).first;
    if (!is_video) {
      if ((packet->flags & AV_PKT_FLAG_DISCARD) == 0) {
        clock->second.Add(TimesOf(*packet, stream.time_base));
      }
      continue;
    }
    if (static_cast<double>(++index.packets) > max_frames) {
      return absl::InvalidArgumentError(
          absl::StrCat("the video has more than ", index.packets - 1,
                       " frames, the most that the limits of ", limits.max_video_seconds, " s and ",
                       limits.max_frames_per_second, " frames a second allow"));
    }
    visit(*packet);
    const bool shown = IsShown(*packet, stream);
    index.stored.push_back({packet->pts, shown, scan.Read(*packet)});
    index.top_layer = std::max<int>(index.top_layer, index.stored.back().traits.layer);
    if (!shown) continue;
    ++index.frames;
    index.pts.push_back(packet->pts);
    clock->second.Add(TimesOf(*packet, stream.time_base));
  }
  index.separable = scan.separable();
  std::sort(index.pts.begin(), index.pts.end());
  TakeClocks(clocks, file.stream(), index);
  return index;
}

absl::Status TooDamaged(absl::string_view what, int64_t good, int64_t all) {
  return absl::InvalidArgumentError(
      absl::StrCat("the video is damaged beyond use: only ", good, " of its ", all, " ", what));
}

absl::Status CheckPackets(const VideoHeader& header, const PacketIndex& index,
                          absl::string_view file) {
  if (index.frames == 0) {
    return absl::InvalidArgumentError("the video has no frames that can be read");
  }
  if (index.frames == 1 && !PictureKind(file).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file is a still picture (", PictureKind(file), "), not a video"));
  }
  if (index.packets < header.indexed_packets / 2) {
    return TooDamaged("frames are in the file", index.packets, header.indexed_packets);
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
