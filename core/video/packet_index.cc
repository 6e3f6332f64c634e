#include "core/video/packet_index.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/ffmpeg_util.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
}

namespace vidmuse {
namespace {

class Span {
 public:
  void Add(const AVPacket& packet, AVRational time_base) {
    const int64_t time = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
    if (time == AV_NOPTS_VALUE) return;
    const int64_t start = av_rescale_q(time, time_base, AV_TIME_BASE_Q);
    const int64_t length =
        av_rescale_q(std::max<int64_t>(packet.duration, 0), time_base, AV_TIME_BASE_Q);
    // Such times are damage; they could overflow below.
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / 4;
    if (std::abs(start) > kMax || length > kMax) return;
    start_ = std::min(start_, start);
    last_start_ = std::max(last_start_, start);
    end_ = std::max(end_, start + length);
    ++packets_;
  }

  // The last packet of a file without durations lasts as long as the average one.
  int64_t microseconds() const {
    if (packets_ == 0) return 0;
    if (end_ > last_start_ || packets_ == 1) return end_ - start_;
    return (last_start_ - start_) / (packets_ - 1) * packets_;
  }

  bool empty() const { return packets_ == 0; }
  int64_t start() const { return start_; }
  int64_t end() const { return start_ + microseconds(); }

 private:
  int64_t packets_ = 0;
  int64_t start_ = std::numeric_limits<int64_t>::max();
  int64_t last_start_ = std::numeric_limits<int64_t>::min();
  int64_t end_ = std::numeric_limits<int64_t>::min();
};

// VP8 stores reference frames that are never shown as packets of their own: bit 4 of the frame
// header is off.
bool IsShown(const AVPacket& packet, AVCodecID codec) {
  if (packet.flags & AV_PKT_FLAG_DISCARD) return false;
  return codec != AV_CODEC_ID_VP8 || packet.size == 0 || (packet.data[0] & 0x10) != 0;
}

bool TellFramesApart(const std::vector<int64_t>& sorted_pts) {
  return sorted_pts.empty() ||
         (sorted_pts.front() != AV_NOPTS_VALUE &&
          std::adjacent_find(sorted_pts.begin(), sorted_pts.end()) == sorted_pts.end());
}

}  // namespace

absl::StatusOr<PacketIndex> IndexPackets(VideoFile& file, const Limits& limits) {
  const double max_frames = limits.max_frames_per_second * (limits.max_video_seconds + 1);
  PacketIndex index;
  std::map<int, Span> spans;  // by stream
  const AvPacketPtr packet = NewPacket();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, file.NextPacket(packet.get()));
    if (!more) break;
    const AVStream& stream = file.stream(packet->stream_index);
    if (stream.index != file.stream().index) {
      if (stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
        spans[stream.index].Add(*packet, stream.time_base);
      }
      continue;
    }
    if (static_cast<double>(++index.packets) > max_frames) {
      return absl::InvalidArgumentError(
          absl::StrCat("the video has more than ", index.packets - 1,
                       " frames, the most that the limits of ", limits.max_video_seconds, " s and ",
                       limits.max_frames_per_second, " frames a second allow"));
    }
    if (!IsShown(*packet, stream.codecpar->codec_id)) continue;
    ++index.frames;
    index.pts.push_back(packet->pts);
    spans[stream.index].Add(*packet, stream.time_base);
  }
  std::sort(index.pts.begin(), index.pts.end());
  if (!TellFramesApart(index.pts)) index.pts.clear();
  index.video_span_us = spans[file.stream().index].microseconds();
  int64_t start = std::numeric_limits<int64_t>::max();
  int64_t end = std::numeric_limits<int64_t>::min();
  for (const auto& [stream, span] : spans) {
    if (span.empty()) continue;
    start = std::min(start, span.start());
    end = std::max(end, span.end());
  }
  if (end > start) index.span_us = end - start;
  return index;
}

}  // namespace vidmuse
