#include "core/video/early_frames.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_converter.h"
#include "core/video/picture_scan.h"
#include "core/video/sampling_rules.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/video_decoder.h"
#include "core/video/video_file.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
}

namespace vidmuse {
namespace {

constexpr double kMicroseconds = 1e6;
// Packets that wait until it is known whether their group is needed. A larger group ends early
// decoding.
constexpr int64_t kMostWaitingBytes = 32 << 20;
// Pictures are left out only after so many packets have shown the stream's layers.
constexpr int64_t kPacketsToSeeLayers = 32;

absl::string_view Bytes(const uint8_t* data, int64_t size) {
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(std::max<int64_t>(size, 0))};
}

// A guess of the frames that are wanted, by their times.
class FramePlan {
 public:
  FramePlan(const VideoFile& file, const Limits& limits, int max_seconds, int count)
      : frame_rate_(file.header().frame_rate),
        frames_per_tick_(frame_rate_ * av_q2d(file.stream().time_base)),
        room_(static_cast<size_t>(MaxFrameBytes(limits) / kFrameBytes)) {
    const VideoHeader& header = file.header();
    int64_t frames = header.stated_frames;
    exact_ = frames > 0;
    const double seconds = static_cast<double>(header.duration_us) / kMicroseconds;
    if (!exact_) frames = std::llround(std::min(seconds, limits.max_video_seconds) * frame_rate_);
    if (frames <= 0) return;
    int whole = static_cast<int>(WholeSeconds(
        header.duration_us > 0
            ? header.duration_us
            : static_cast<int64_t>(static_cast<double>(frames) * kMicroseconds / frame_rate_)));
    if (max_seconds > 0) whole = std::min(whole, max_seconds);
    wanted_ = LocalFrameIndices(frame_rate_, frames, std::max(whole, 1));
    wanted_.resize(std::min(wanted_.size(), static_cast<size_t>(count)));
    const std::vector<int64_t> global = GlobalFrameIndices(frames);
    wanted_.insert(wanted_.end(), global.begin(), global.end());
    std::sort(wanted_.begin(), wanted_.end());
  }

  // True if nothing can be guessed of the file.
  bool hopeless(const Limits& limits) const {
    return !(frame_rate_ > 0 && frame_rate_ <= limits.max_frames_per_second);
  }
  void SetFirst(int64_t pts) { first_ = pts; }
  bool Wants(int64_t pts, size_t kept) const {
    if (KeepsAll(kept)) return true;
    const int64_t frame = Frame(pts);
    const int64_t slack = exact_ ? 0 : 1;
    const auto next = std::lower_bound(wanted_.begin(), wanted_.end(), frame - slack);
    return next != wanted_.end() && *next <= frame + slack;
  }
  // True if no more frames are wanted from `pts` on, or there is no room for them.
  bool Over(int64_t pts, size_t kept) const {
    if (kept >= room_) return true;
    if (KeepsAll(kept)) return false;
    // Frames are stored in another order than they are shown in.
    constexpr int64_t kMostDelayed = 64;
    return wanted_.empty() || Frame(pts) > wanted_.back() + kMostDelayed;
  }

 private:
  // Without an exact number of frames, all are kept at first. Half of the room is left for those
  // that can be guessed at all.
  bool KeepsAll(size_t kept) const {
    return !exact_ && kept < (wanted_.empty() ? room_ : room_ / 2);
  }
  int64_t Frame(int64_t pts) const {
    return std::llround(static_cast<double>(pts - first_) * frames_per_tick_);
  }

  const double frame_rate_;
  const double frames_per_tick_;
  const size_t room_;  // frames that may be kept
  bool exact_ = false;
  int64_t first_ = 0;
  std::vector<int64_t> wanted_;  // ascending; empty: unknown
};

class EarlyDecoding {
 public:
  EarlyDecoding(std::unique_ptr<VideoFile> file, std::unique_ptr<VideoDecoder> decoder,
                FramePlan plan, const std::function<void()>& begun)
      : file_(std::move(file)),
        decoder_(std::move(decoder)),
        plan_(std::move(plan)),
        begun_(begun),
        scan_(*file_->stream().codecpar),
        digest_(*file_),
        converter_(file_->header().width, file_->header().height, file_->header().rotation) {
    decoder_->FindCuts();
  }

  EarlyFrames Run() {
    while (true) {
      AvPacketPtr packet = NewPacket();
      const absl::StatusOr<bool> more = file_->NextPacket(packet.get());
      if (!more.ok()) break;
      if (!*more) {
        if (!Drain()) return {};
        break;
      }
      if (plan_.Over(packet->pts, frames_.pixels.size())) break;
      if (!Take(std::move(packet))) return {};
    }
    if (frames_.pixels.empty() || decoder_->errors() > 0 || logged_ > 0) return {};
    frames_.digest = digest_;
    return std::move(frames_);
  }

 private:
  struct Picture {
    AvPacketPtr packet;
    PictureTraits traits;
    bool shown = false;
    bool wanted = false;
  };

  // These return false if the frames may differ from those of the whole file.
  bool Take(AvPacketPtr packet);
  bool Send(const Picture& picture);
  bool EndGroup();
  bool Drain();
  bool TakeFrames();
  bool TakeFrame(const AVFrame& frame);

  const std::unique_ptr<VideoFile> file_;
  const std::unique_ptr<VideoDecoder> decoder_;
  FramePlan plan_;
  const std::function<void()>& begun_;
  PictureScan scan_;
  PacketDigest digest_;
  FrameConverter converter_;
  EarlyFrames frames_;
  int top_layer_ = 0;
  int64_t logged_ = 0;  // errors that the decoder has logged
  // The group of pictures that is being read. It is decoded once one of its frames is wanted.
  bool needed_ = false;
  bool first_group_ = true;
  std::deque<Picture> waiting_;
  int64_t waiting_bytes_ = 0;
  // Times of the pictures that are in the decoder. They must come out in this order, each once.
  std::set<int64_t> inside_;
};

bool EarlyDecoding::Take(AvPacketPtr packet) {
  Picture picture;
  picture.traits = scan_.Read(*packet);
  picture.shown = IsShown(*packet, file_->stream());
  if (!scan_.separable() || (picture.shown && packet->pts == AV_NOPTS_VALUE)) return false;
  const bool first = digest_.packets() == 0;
  digest_.Add(*packet);
  if (first) {
    if (!picture.traits.starts_group || !picture.shown) return false;
    plan_.SetFirst(packet->pts);
  } else if (picture.traits.starts_group) {
    first_group_ = false;
    if (picture.traits.forgets && !EndGroup()) return false;
  }
  // There is nothing before that it could refer to.
  if (picture.traits.leading && first_group_) return false;
  top_layer_ = std::max<int>(top_layer_, picture.traits.layer);
  picture.wanted = picture.shown && plan_.Wants(packet->pts, frames_.pixels.size());
  needed_ = needed_ || picture.wanted;
  waiting_bytes_ += packet->size;
  picture.packet = std::move(packet);
  waiting_.push_back(std::move(picture));
  if (!needed_) return waiting_bytes_ <= kMostWaitingBytes;
  for (; !waiting_.empty(); waiting_.pop_front()) {
    if (!Send(waiting_.front())) return false;
  }
  waiting_bytes_ = 0;
  return true;
}

bool EarlyDecoding::EndGroup() {
  waiting_.clear();
  waiting_bytes_ = 0;
  if (!std::exchange(needed_, false)) return true;
  if (!Drain() || !inside_.empty()) return false;
  decoder_->Restart();
  return true;
}

bool EarlyDecoding::Send(const Picture& picture) {
  const int layer = picture.traits.layer;
  const bool skip = picture.traits.unreferenced && !picture.wanted && layer == top_layer_ &&
                    digest_.packets() > kPacketsToSeeLayers;
  if (skip) frames_.left_out_layer = std::min(layer, frames_.left_out_layer.value_or(layer));
  if (picture.shown && !skip) inside_.insert(picture.packet->pts);
  const int64_t logged_before = LoggedErrors();
  const bool sent = decoder_->Send(picture.packet.get(), skip).ok();
  logged_ += LoggedErrors() - logged_before;
  return sent && TakeFrames();
}

bool EarlyDecoding::Drain() { return decoder_->Send(nullptr, /*skip=*/false).ok() && TakeFrames(); }

bool EarlyDecoding::TakeFrames() {
  const AvFramePtr frame = NewFrame();
  while (true) {
    const int64_t logged_before = LoggedErrors();
    const absl::StatusOr<bool> got = decoder_->Receive(frame.get());
    logged_ += LoggedErrors() - logged_before;
    if (!got.ok() || logged_ > 0 || decoder_->errors() > 0) return false;
    if (!*got) return true;
    if (!TakeFrame(*frame)) return false;
  }
}

bool EarlyDecoding::TakeFrame(const AVFrame& frame) {
  if (inside_.empty() || frame.pts != *inside_.begin() || decoder_->MayLackParts(frame)) {
    return false;
  }
  inside_.erase(inside_.begin());
  const size_t kept = frames_.pixels.size();
  if (!plan_.Wants(frame.pts, kept) || plan_.Over(frame.pts, kept)) return true;
  absl::StatusOr<std::vector<uint8_t>> pixels = converter_.Convert(frame);
  if (!pixels.ok()) return false;
  frames_.pixels.emplace(frame.pts, *std::move(pixels));
  if (kept == 0) begun_();
  return true;
}

}  // namespace

PacketDigest::PacketDigest(const VideoFile& file) {
  const AVCodecParameters& codec = *file.stream().codecpar;
  const AVRational base = file.stream().time_base;
  hash_ = absl::HashOf(static_cast<int>(codec.codec_id), codec.codec_tag,
                       Bytes(codec.extradata, codec.extradata_size), codec.format, codec.width,
                       codec.height, codec.video_delay, codec.profile, codec.level);
  hash_ =
      absl::HashOf(hash_, base.num, base.den, file.header().rotation,
                   static_cast<int>(codec.field_order), static_cast<int>(codec.color_range),
                   static_cast<int>(codec.color_primaries), static_cast<int>(codec.color_trc),
                   static_cast<int>(codec.color_space), static_cast<int>(codec.chroma_location));
}

void PacketDigest::Add(const AVPacket& packet) {
  ++packets_;
  hash_ = absl::HashOf(hash_, packet.pts, packet.dts, packet.flags, packet.side_data_elems,
                       Bytes(packet.data, packet.size));
  for (int i = 0; i < packet.side_data_elems; ++i) {
    const AVPacketSideData& data = packet.side_data[i];
    hash_ = absl::HashOf(hash_, static_cast<int>(data.type),
                         Bytes(data.data, static_cast<int64_t>(data.size)));
  }
}

EarlyFrames DecodeWhileItGrows(GrowingFile& growing, const Limits& limits, int max_seconds,
                               int count, const std::function<void()>& begun) {
  const DecodeWatch watch(growing.left(), absl::InfiniteDuration());
  absl::StatusOr<std::unique_ptr<VideoFile>> file = VideoFile::OpenGrowing(growing, limits, watch);
  if (!file.ok()) return {};
  (*file)->KeepOnlyVideo();
  absl::StatusOr<std::unique_ptr<VideoDecoder>> decoder = VideoDecoder::Create(**file, limits);
  FramePlan plan(**file, limits, max_seconds, count);
  const VideoHeader& header = (*file)->header();
  if (!decoder.ok() || header.width <= 0 || header.height <= 0 || plan.hopeless(limits)) return {};
  return EarlyDecoding(*std::move(file), *std::move(decoder), std::move(plan), begun).Run();
}

}  // namespace vidmuse
