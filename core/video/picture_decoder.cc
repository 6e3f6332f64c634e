#include "core/video/picture_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_converter.h"
#include "core/video/packet_index.h"
#include "core/video/picture_scaler.h"
#include "core/video/video_decoder.h"
#include "core/video/video_file.h"
#include "core/video/video_length.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavutil/frame.h>
}

namespace vidmuse {
namespace {

constexpr int64_t kMicroseconds = 1'000'000;

int64_t TimeOf(const AVFrame& frame) {
  return frame.pts != AV_NOPTS_VALUE ? frame.pts : frame.best_effort_timestamp;
}

// Returns the numbers of the frames that are on screen at `moments`, in microseconds.
std::vector<int64_t> OnScreen(const PacketIndex& index, double frame_rate,
                              const std::vector<int64_t>& moments) {
  const std::vector<int64_t>& at = index.times.at;
  const bool all_known = static_cast<int64_t>(at.size()) == index.frames;
  std::vector<int64_t> numbers;
  size_t next = 0;  // the first frame that isn't on screen yet
  for (const int64_t moment : moments) {
    if (!all_known) {
      const double number = std::floor(static_cast<double>(moment) * frame_rate / kMicroseconds);
      numbers.push_back(
          static_cast<int64_t>(std::min(number, static_cast<double>(index.frames - 1))));
      continue;
    }
    // Products of 64-bit numbers, so that nothing is rounded.
    const absl::int128 limit = absl::int128(moment) * index.times.denominator;
    while (next < at.size() &&
           (absl::int128(at[next]) - at.front()) * index.times.numerator * kMicroseconds <= limit) {
      ++next;
    }
    numbers.push_back(std::max<int64_t>(static_cast<int64_t>(next) - 1, 0));
  }
  return numbers;
}

// Not thread-safe.
class PictureDecoding {
 public:
  PictureDecoding(absl::string_view bytes, const PictureOrder& order, const Limits& limits,
                  const CancelFlag& cancel, TakePicture take)
      : bytes_(bytes),
        order_(order),
        limits_(limits),
        watch_(cancel, ReadTimeLimit(bytes.size(), limits)),
        take_(take) {}

  absl::Status Read();
  const PictureInfo& info() const { return info_; }
  absl::Duration time_limit() const { return watch_.time_limit(); }
  absl::Status Decode();

 private:
  absl::StatusOr<std::unique_ptr<VideoFile>> Open() const {
    return VideoFile::Open(bytes_, limits_, watch_, ignore_edits_);
  }
  absl::Status ReadPackets();
  void ChooseFrames();
  // Takes the frames that the decoder has ready.
  absl::Status TakeFrames(VideoDecoder& decoder);
  // Takes the frame of a number, and leaves `frame` empty.
  absl::Status Offer(int64_t number, AVFrame* frame);
  absl::Status Give(const AVFrame& frame);
  bool done() const { return given_ == wanted_.size(); }
  bool IsWanted(const AVPacket& packet) const {
    return std::binary_search(wanted_pts_.begin(), wanted_pts_.end(), packet.pts);
  }

  const absl::string_view bytes_;
  const PictureOrder& order_;
  const Limits& limits_;
  DecodeWatch watch_;
  const TakePicture take_;
  bool ignore_edits_ = false;
  VideoHeader header_;
  PacketIndex index_;
  PictureInfo info_;
  std::vector<int64_t> wanted_;      // numbers of frames, ascending; some may be equal
  std::vector<int64_t> wanted_pts_;  // if index_.pts tells the frames apart
  std::optional<FrameConverter> converter_;
  size_t given_ = 0;
  size_t hits_ = 0;  // how many wanted frames came themselves
  int64_t decoded_ = 0;
  AvFramePtr previous_ = NewFrame();
  int64_t previous_number_ = -1;
};

absl::Status PictureDecoding::ReadPackets() {
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoFile> file, Open());
  header_ = file->header();
  file->KeepSoundAndVideo();
  ASSIGN_OR_RETURN(index_, IndexPackets(*file, limits_));
  return absl::OkStatus();
}

absl::Status PictureDecoding::Read() {
  RETURN_IF_ERROR(CheckFileSize(bytes_, limits_));
  RETURN_IF_ERROR(watch_.Check());
  RETURN_IF_ERROR(ReadPackets());
  if (index_.frames <= 1 && index_.packets > 2) {
    // An edit list that leaves at most one frame is wrong, and is ignored.
    ignore_edits_ = true;
    RETURN_IF_ERROR(ReadPackets());
  }
  RETURN_IF_ERROR(CheckPackets(header_, index_, bytes_));
  const VideoLength length = LengthOf(header_, index_);
  RETURN_IF_ERROR(CheckLength(length.us, index_, limits_));
  ASSIGN_OR_RETURN(info_.frame_rate, FrameRate(header_, index_, length, limits_));
  info_.seconds = static_cast<double>(length.us) / kMicroseconds;
  info_.frames = index_.frames;
  const bool lies = header_.rotation == 90 || header_.rotation == 270;
  info_.width = lies ? header_.height : header_.width;
  info_.height = lies ? header_.width : header_.height;
  const double pixels =
      static_cast<double>(header_.width) * header_.height * static_cast<double>(index_.frames);
  watch_.SetTimeLimit(VideoTimeLimit(info_.seconds, pixels, limits_));
  ChooseFrames();
  return absl::OkStatus();
}

void PictureDecoding::ChooseFrames() {
  wanted_ =
      order_.by == PicturesBy::kTime ? OnScreen(index_, info_.frame_rate, order_.at) : order_.at;
  for (int64_t& number : wanted_) number = std::min(number, index_.frames - 1);
  if (index_.pts.empty()) return;
  for (const int64_t number : wanted_) {
    wanted_pts_.push_back(index_.pts[static_cast<size_t>(number)]);
  }
}

absl::Status PictureDecoding::Decode() {
  if (done()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoFile> file, Open());
  file->KeepOnlyVideo();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoDecoder> decoder,
                   VideoDecoder::Create(*file, limits_));
  converter_.emplace(header_.width, header_.height, header_.rotation);
  const AvPacketPtr packet = NewPacket();
  bool more = true;
  for (size_t number = 0; more && !done(); ++number) {
    ASSIGN_OR_RETURN(more, file->NextPacket(packet.get()));
    // When frames are identified by order, all of them must be decoded and counted.
    const bool skip = more && !index_.pts.empty() &&
                      (decoder->CanSkip() || index_.IsUnreferenced(number)) && !IsWanted(*packet);
    RETURN_IF_ERROR(decoder->Send(more ? packet.get() : nullptr, skip));
    RETURN_IF_ERROR(TakeFrames(*decoder));
  }
  if (previous_number_ < 0) {
    return absl::InvalidArgumentError("none of the video's frames can be decoded");
  }
  while (!done()) RETURN_IF_ERROR(Give(*previous_));
  if (2 * hits_ >= wanted_.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the video is damaged beyond use: only ", hits_,
                                                 " of ", wanted_.size(),
                                                 " wanted frames can be decoded"));
}

absl::Status PictureDecoding::TakeFrames(VideoDecoder& decoder) {
  const AvFramePtr frame = NewFrame();
  while (!done()) {
    RETURN_IF_ERROR(watch_.Check());
    ASSIGN_OR_RETURN(const bool got, decoder.Receive(frame.get()));
    if (!got) return absl::OkStatus();
    int64_t number = decoded_++;
    if (!index_.pts.empty()) {
      const auto at = std::lower_bound(index_.pts.begin(), index_.pts.end(), TimeOf(*frame));
      // If no packet has this time, the frame's place is unknown.
      if (at == index_.pts.end() || *at != TimeOf(*frame)) continue;
      number = at - index_.pts.begin();
    }
    RETURN_IF_ERROR(Offer(number, frame.get()));
  }
  return absl::OkStatus();
}

absl::Status PictureDecoding::Offer(int64_t number, AVFrame* frame) {
  if (number <= previous_number_) return absl::OkStatus();
  const AVFrame& stand_in = previous_number_ < 0 ? *frame : *previous_;
  while (!done() && wanted_[given_] < number) RETURN_IF_ERROR(Give(stand_in));
  while (!done() && wanted_[given_] == number) {
    RETURN_IF_ERROR(Give(*frame));
    ++hits_;
  }
  av_frame_unref(previous_.get());
  av_frame_move_ref(previous_.get(), frame);
  previous_number_ = number;
  return absl::OkStatus();
}

absl::Status PictureDecoding::Give(const AVFrame& frame) {
  ASSIGN_OR_RETURN(const RgbView view, converter_->ToRgb(frame));
  Picture picture = MakePicture(view, order_.short_side, order_.grey);
  picture.place = given_++;
  return take_(std::move(picture));
}

}  // namespace

absl::Status DecodePictures(absl::string_view file, const PictureOrder& order, const Limits& limits,
                            const CancelFlag& cancel, TakePictureInfo take_info, TakePicture take) {
  InitFfmpeg();
  RETURN_IF_ERROR(CheckPictureOrder(order));
  PictureDecoding decoding(file, order, limits, cancel, take);
  RETURN_IF_ERROR(decoding.Read());
  RETURN_IF_ERROR(take_info(decoding.info(), decoding.time_limit()));
  return decoding.Decode();
}

}  // namespace vidmuse
